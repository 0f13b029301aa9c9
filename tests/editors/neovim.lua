-- Sees a finding, takes the quick fix, and ends. What was seen goes to the file named in
-- HERMETIC_SEEN, one line each.
local seen = assert(io.open(assert(os.getenv("HERMETIC_SEEN")), "w"))
local root = assert(os.getenv("HERMETIC_ROOT"))

local function say(...)
  seen:write(table.concat({ ... }, " ") .. "\n")
  seen:flush()
end

local function wait(what, condition)
  if not vim.wait(20000, condition, 20) then
    say("never:", what)
    vim.cmd("cquit")
  end
end

vim.cmd("edit " .. root .. "/a.py")
local buffer = vim.api.nvim_get_current_buf()
local client = vim.lsp.start_client({
  name = "hermetic",
  cmd = { assert(os.getenv("HERMETIC_LSP")) },
  root_dir = root,
  workspace_folders = { { uri = vim.uri_from_fname(root), name = "root" } },
})
vim.lsp.buf_attach_client(buffer, client)
wait("a finding", function()
  return #vim.diagnostic.get(buffer) > 0
end)
for _, found in ipairs(vim.diagnostic.get(buffer)) do
  say("finding:", tostring(found.code), tostring(found.lnum), tostring(found.col))
end

local params = {
  textDocument = { uri = vim.uri_from_bufnr(buffer) },
  range = { start = { line = 0, character = 20 }, ["end"] = { line = 0, character = 20 } },
  context = { diagnostics = {} },
}
local answers = assert(vim.lsp.buf_request_sync(buffer, "textDocument/codeAction", params, 20000))
for _, action in ipairs(answers[client].result) do
  if vim.startswith(action.title, "look up") then
    local resolved = action
    if not action.edit then
      local all = vim.lsp.buf_request_sync(buffer, "codeAction/resolve", action, 20000)
      resolved = all[client].result
    end
    local encoding = vim.lsp.get_client_by_id(client).offset_encoding
    vim.lsp.util.apply_workspace_edit(resolved.edit, encoding)
    say("fixed:", action.title)
  end
end
for _, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
  say("line:", line)
end
wait("no finding any more", function()
  return #vim.diagnostic.get(buffer) == 0
end)
say("server:", tostring(vim.lsp.get_client_by_id(client).rpc.handle:get_pid()))
vim.cmd("qall!")
