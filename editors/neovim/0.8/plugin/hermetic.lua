vim.api.nvim_create_autocmd("FileType", {
  pattern = { "python", "toml" },
  callback = function(args)
    local marks = { "hermetic.toml", "pyproject.toml", ".git" }
    local found = vim.fs.find(marks, { upward = true, path = vim.fs.dirname(args.file) })[1]
    -- A buffer of a folder that has a server already gets that one.
    vim.lsp.start({
      name = "hermetic",
      cmd = { "hermetic-lsp" },
      root_dir = vim.fs.dirname(found or args.file),
      -- The settings of the server: init_options = { codeLens = true },
    })
  end,
})
