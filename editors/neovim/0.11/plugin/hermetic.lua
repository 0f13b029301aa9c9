vim.lsp.enable("hermetic")
