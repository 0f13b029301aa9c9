;;; -*- lexical-binding: t -*-
;; With the configuration under test: opens a file, sees a finding, takes the quick fix as a user does, and ends. What
;; was seen goes to the file named in HERMETIC_SEEN, one line each.
(load (getenv "HERMETIC_CONFIGURATION") nil t)
(require 'cl-lib)
(require 'flymake)

(defvar seen (getenv "HERMETIC_SEEN"))

(defun say (&rest words)
  (write-region (concat (mapconcat #'identity words " ") "\n") nil seen 'append 'quiet))

(defun wait (what condition)
  (let ((end (+ (float-time) 60)))
    (while (and (not (funcall condition)) (< (float-time) end))
      (accept-process-output nil 0.02))
    (unless (funcall condition)
      (say "never:" what)
      (kill-emacs 1))))

(say "version:" emacs-version)
(setq eglot-sync-connect 60
      eglot-autoshutdown t
      eglot-confirm-server-initiated-edits nil)
(find-file (expand-file-name "a.py" (getenv "HERMETIC_ROOT")))
;; The command loop, which batch mode has none of, runs it after the file is opened.
(run-hooks 'post-command-hook)
(wait "a server" (lambda () (eglot-current-server)))
(wait "a finding" (lambda () (flymake-start nil) (flymake-diagnostics)))
(dolist (found (flymake-diagnostics))
  (say "finding:" (car (split-string (flymake-diagnostic-text found) "\n"))))
(goto-char (flymake-diagnostic-beg (car (flymake-diagnostics))))
(let ((last-nonmenu-event ?a))
  (cl-letf (((symbol-function 'completing-read)
             (lambda (_prompt choices &rest _)
               (let ((choice (seq-find (lambda (choice) (string-prefix-p "look up" choice))
                                       (all-completions "" choices))))
                 (say "fixed:" choice)
                 choice))))
    (call-interactively #'eglot-code-actions)))
(dolist (line (split-string (buffer-string) "\n" t))
  (say "line:" line))
(eglot--signal-textDocument/didChange)
(wait "no finding any more" (lambda () (flymake-start nil) (null (flymake-diagnostics))))
(set-buffer-modified-p nil)
;; The last buffer of the server's: `eglot-autoshutdown' ends it.
(kill-buffer)
(kill-emacs 0)
