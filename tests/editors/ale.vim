" With the configuration under test: opens a file, sees a finding, takes the quick fix as a user does, and ends. What
" was seen goes to the file named in HERMETIC_SEEN, one line each.

function! Say(text) abort
    call writefile([a:text], $HERMETIC_SEEN, 'a')
endfunction

function! Wait(what, condition) abort
    let l:start = reltime()
    while !eval(a:condition)
        if reltimefloat(reltime(l:start)) > 60
            call Say('never: ' . a:what)
            cquit
        endif
        sleep 20m
    endwhile
endfunction

function! Findings() abort
    let l:all = get(get(g:ale_buffer_info, bufnr(''), {}), 'loclist', [])
    return filter(copy(l:all), 'v:val.linter_name ==# "hermetic"')
endfunction

call Say('version: ' . v:versionlong)
execute 'edit' fnameescape($HERMETIC_ROOT . '/a.py')
" Told when a buffer is entered, by a timer; batch mode has no idle time.
ALELint
call Wait('a finding', 'len(Findings()) > 0')
for s:found in Findings()
    call Say('finding: ' . s:found.code . ' ' . s:found.lnum . ' ' . s:found.col)
endfor

" What ALE asks the user with: a list with numbers.
runtime autoload/ale/util.vim
function! ale#util#Input(message, value) abort
    for l:line in split(a:message, "\n")
        let l:found = matchlist(l:line, '\v^(\d+)\) (look up .*)$')
        if !empty(l:found)
            call Say('fixed: ' . l:found[2])
            return l:found[1]
        endif
    endfor
    call Say('never: a quick fix among ' . a:message)
    cquit
endfunction
" On the first letter of a word, ALE asks at the same word before it.
call cursor(1, 22)
ALECodeAction
call Wait('the fix', 'getline(1) ==# "import socket"')
for s:line in getline(1, '$')
    call Say('line: ' . s:line)
endfor
ALELint
call Wait('no finding any more', 'len(Findings()) == 0')
qall!
