;;; -*- lexical-binding: t -*-
;; Sees a finding, takes the quick fix, and ends. What was seen goes to the file named in
;; HERMETIC_SEEN, one line each.
(require 'eglot)
(require 'flymake)

(defvar seen (getenv "HERMETIC_SEEN"))

(defun say (&rest words)
  (write-region (concat (mapconcat #'identity words " ") "\n") nil seen 'append 'quiet))

(defun wait (what condition)
  (let ((tries 0))
    (while (and (not (funcall condition)) (< tries 1000))
      (accept-process-output nil 0.02)
      (setq tries (1+ tries)))
    (unless (funcall condition)
      (say "never:" what)
      (kill-emacs 1))))

(setq eglot-sync-connect 20
      eglot-autoshutdown t
      eglot-confirm-server-initiated-edits nil)
(add-to-list 'eglot-server-programs
             (cons 'python-mode (list (getenv "HERMETIC_LSP") "--stdio")))
;; A folder with this file is a project.
(find-file (expand-file-name "a.py" (getenv "HERMETIC_ROOT")))
(python-mode)
(apply #'eglot (list '(python-mode) (cons 'transient (getenv "HERMETIC_ROOT")) 'eglot-lsp-server
                     (list (getenv "HERMETIC_LSP") "--stdio") "python"))
(flymake-start nil)
(wait "a finding" (lambda () (flymake-start nil) (flymake-diagnostics)))
(dolist (found (flymake-diagnostics))
  (say "finding:" (car (split-string (flymake-diagnostic-text found) "\n"))))
(goto-char (flymake-diagnostic-beg (car (flymake-diagnostics))))
(let* ((actions (jsonrpc-request
                 (eglot-current-server) :textDocument/codeAction
                 (list :textDocument (eglot--TextDocumentIdentifier)
                       :range (list :start (eglot--pos-to-lsp-position (point))
                                    :end (eglot--pos-to-lsp-position (point)))
                       :context '(:diagnostics []))))
       (fix (seq-find (lambda (action) (string-prefix-p "look up" (plist-get action :title)))
                      actions))
       (fix (if (plist-get fix :edit) fix
              (jsonrpc-request (eglot-current-server) :codeAction/resolve fix))))
  (eglot--apply-workspace-edit (plist-get fix :edit))
  (say "fixed:" (plist-get fix :title)))
(dolist (line (split-string (buffer-string) "\n" t))
  (say "line:" line))
(eglot--signal-textDocument/didChange)
(wait "no finding any more" (lambda () (flymake-start nil) (null (flymake-diagnostics))))
(say "server:" (number-to-string (process-id (jsonrpc--process (eglot-current-server)))))
(set-buffer-modified-p nil)
(eglot-shutdown (eglot-current-server))
(kill-emacs 0)
