local clients = {}

-- The nearest folder with a configuration or a repository, or the file's own.
local function root_of(file)
  local folder = vim.fn.fnamemodify(file, ":p:h")
  for _, mark in ipairs({ "hermetic.toml", "pyproject.toml" }) do
    local found = vim.fn.findfile(mark, folder .. ";")
    if found ~= "" then
      return vim.fn.fnamemodify(found, ":p:h")
    end
  end
  local found = vim.fn.finddir(".git", folder .. ";")
  return found == "" and folder or vim.fn.fnamemodify(found, ":p:h:h")
end

vim.api.nvim_create_autocmd("FileType", {
  pattern = { "python", "toml" },
  callback = function(args)
    local root = root_of(args.file)
    local client = clients[root]
    if not (client and vim.lsp.get_client_by_id(client)) then
      client = vim.lsp.start_client({
        name = "hermetic",
        cmd = { "hermetic-lsp" },
        root_dir = root,
        workspace_folders = { { uri = vim.uri_from_fname(root), name = root } },
        -- The settings of the server: init_options = { codeLens = true },
      })
      clients[root] = client
    end
    vim.lsp.buf_attach_client(args.buf, client)
  end,
})
