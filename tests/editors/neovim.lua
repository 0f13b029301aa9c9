-- In a Neovim with the configuration under test: opens a file, sees a finding, takes the quick fix as a user does, and
-- ends. What was seen goes to the file named in HERMETIC_SEEN, one line each.
local seen = assert(io.open(assert(os.getenv("HERMETIC_SEEN")), "w"))
local root = assert(os.getenv("HERMETIC_ROOT"))
local PATIENCE = 60000

local function say(...)
  seen:write(table.concat({ ... }, " ") .. "\n")
  seen:flush()
end

local function wait(what, condition)
  if not vim.wait(PATIENCE, condition, 20) then
    say("never:", what)
    vim.cmd("cquit")
  end
end

local version = vim.version()
say("version:", string.format("%d.%d", version.major, version.minor))
vim.cmd("filetype on")
vim.cmd("edit " .. root .. "/a.py")
local buffer = vim.api.nvim_get_current_buf()
wait("a finding", function()
  return #vim.diagnostic.get(buffer) > 0
end)
for _, found in ipairs(vim.diagnostic.get(buffer)) do
  say("finding:", tostring(found.code), tostring(found.lnum), tostring(found.col))
end

-- What `vim.lsp.buf.code_action` asks the user with.
vim.ui.select = function(items, options, choose)
  for index, item in ipairs(items) do
    local title = options.format_item(item)
    if vim.startswith(title, "look up") then
      say("fixed:", title)
      return choose(item, index)
    end
  end
  say("never: a quick fix among", vim.inspect(items))
  vim.cmd("cquit")
end
vim.api.nvim_win_set_cursor(0, { 1, 20 })
vim.lsp.buf.code_action()
wait("the fix", function()
  return vim.api.nvim_buf_get_lines(buffer, 0, 1, false)[1] == "import socket"
end)
for _, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
  say("line:", line)
end
wait("no finding any more", function()
  return #vim.diagnostic.get(buffer) == 0
end)
vim.cmd("qall!")
