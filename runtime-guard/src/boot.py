import sys
folder, command = {folder}, {command}
if not (getattr(sys.flags, 'safe_path', False) or sys.flags.isolated if sys.version_info >= (3, 9) else False):
    del sys.path[0]
try:
    if sys.version_info < (3, 9):
        raise RuntimeError('hermetic needs CPython 3.9 or later, and %s is %d.%d' % (
            (sys.executable,) + tuple(sys.version_info[:2])))
    if sys.implementation.name != 'cpython':
        raise RuntimeError('hermetic guards CPython alone (3.9 or later), and %s is %s' % (
            sys.executable, sys.implementation.name))
    import _frozen_importlib, _frozen_importlib_external
    spec = _frozen_importlib_external.spec_from_file_location(
        'hermetic', folder + '/__init__.py', submodule_search_locations=[folder])
    package = sys.modules['hermetic'] = _frozen_importlib.module_from_spec(spec)
    spec.loader.exec_module(package)
    from hermetic.cli import take_over
except (ImportError, RuntimeError):
    problem = sys.exc_info()[1]
    import os
    if command:
        os.execv(command[0], command[1:])
    sys.stderr.write('hermetic: %s%s\n' % (problem, {hint}))
    sys.stderr.flush()
    os._exit(1)  # not `sys.exit`: with -i an interactive session would follow, and nothing guards it
sys.exit(take_over({data}))
