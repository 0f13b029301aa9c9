;;; hermetic.el --- hermetic-lsp for eglot  -*- lexical-binding: t -*-
(require 'eglot)
(add-to-list 'eglot-server-programs
             '((python-mode python-ts-mode) . ("hermetic-lsp")))
(add-hook 'python-mode-hook #'eglot-ensure)
(add-hook 'python-ts-mode-hook #'eglot-ensure)
(provide 'hermetic)
;;; hermetic.el ends here
