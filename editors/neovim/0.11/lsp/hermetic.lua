return {
  cmd = { "hermetic-lsp" },
  filetypes = { "python", "toml" },
  root_markers = { { "hermetic.toml", "pyproject.toml" }, ".git" },
  -- The settings of the server: init_options = { codeLens = true },
}
