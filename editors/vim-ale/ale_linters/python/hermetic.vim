" hermetic-lsp as a linter of ALE

call ale#Set('python_hermetic_executable', 'hermetic-lsp')
call ale#Set('python_hermetic_options', {})

function! ale_linters#python#hermetic#Root(buffer) abort
    for l:mark in ['hermetic.toml', 'pyproject.toml']
        let l:found = ale#path#FindNearestFile(a:buffer, l:mark)
        if !empty(l:found)
            return fnamemodify(l:found, ':h')
        endif
    endfor

    let l:found = ale#path#FindNearestDirectory(a:buffer, '.git')

    return empty(l:found) ? expand('#' . a:buffer . ':p:h') : fnamemodify(l:found, ':h:h')
endfunction

call ale#linter#Define('python', {
\   'name': 'hermetic',
\   'lsp': 'stdio',
\   'executable': {buffer -> ale#Var(buffer, 'python_hermetic_executable')},
\   'command': '%e',
\   'project_root': function('ale_linters#python#hermetic#Root'),
\   'initialization_options': {buffer -> ale#Var(buffer, 'python_hermetic_options')},
\})
