//! Functions and attributes whose meaning the engine itself knows.

/// What the engine does at a call or use of one of [`SPECIALS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `getattr(object, "name"[, default])`.
    GetAttr,
    /// `setattr(object, "name", value)`.
    SetAttr,
    /// `delattr(object, "name")`.
    DelAttr,
    /// `pkgutil.resolve_name("module:attribute")`.
    ResolveName,
    /// `vars(object)`.
    Vars,
    /// `globals()`, `locals()` at module level.
    Globals,
    /// `__import__("name")`: the top-level package.
    Import,
    /// `importlib.import_module("name")`: the module itself.
    ImportModule,
    /// `sys.modules`.
    Modules,
    /// `operator.attrgetter("name")`.
    AttrGetter,
    /// `operator.methodcaller("name", ...)`.
    MethodCaller,
    /// `operator.itemgetter(key)`.
    ItemGetter,
    /// `functools.partial(f, ...)`.
    Partial,
    /// `typing.cast(T, value)`.
    Cast,
    /// `isinstance`, `issubclass`, and others that only look at a type.
    TypeTest,
    /// `type(object)`.
    TypeOf,
    /// `chr(n)`.
    Chr,
    /// `str(x)`, `os.fspath(x)`: the text of it.
    Text,
    /// `contextlib.closing(x)`, `iter`, `copy.copy`: gives its argument.
    Identity,
    /// `typing.TYPE_CHECKING`.
    TypeChecking,
    /// `typing.Optional`, `Union`, `Annotated` in an annotation.
    TypeWrapper,
    /// `unittest.mock.patch.object(target, ...)`, `Mock(spec=...)`: names its arguments.
    Mock,
    /// `sorted`, `list`, `iter`: the items of its argument.
    Items,
    /// `Path.glob` and its like: gives paths.
    Paths,
    /// `os.path.join(...)`.
    JoinPath,
    /// `pathlib.Path`.
    Path,
    /// `urllib.parse.urljoin(base, rest)`.
    JoinUrl,
    /// `staticmethod`, `classmethod`, `property` as wrappers of a kept reference.
    MethodWrapper,
    /// `super()`.
    Super,
    /// A guard is installed from here on.
    Install {
        /// It puts other objects in place of those it guards.
        patching: bool,
    },
    /// A YAML loader that makes plain data only.
    SafeLoader,
    /// A flag of `os.open`.
    OpenFlag {
        /// It makes the call one that writes.
        writes: bool,
        /// It makes the call one that does not read.
        only: bool,
    },
}

const INSTALL: Special = Special::Install { patching: false };

/// Every special name, fully qualified.
pub(crate) const SPECIALS: &[(&str, Special)] = &[
    ("builtins.getattr", Special::GetAttr),
    ("inspect.getattr_static", Special::GetAttr),
    ("builtins.object.__getattribute__", Special::GetAttr),
    ("pkgutil.resolve_name", Special::ResolveName),
    ("pydoc.locate", Special::ResolveName),
    ("builtins.setattr", Special::SetAttr),
    ("builtins.delattr", Special::DelAttr),
    ("builtins.vars", Special::Vars),
    ("builtins.globals", Special::Globals),
    ("builtins.locals", Special::Globals),
    ("builtins.__import__", Special::Import),
    ("importlib.__import__", Special::Import),
    ("importlib.import_module", Special::ImportModule),
    ("pytest.importorskip", Special::ImportModule),
    ("test.support.import_helper.import_module", Special::ImportModule),
    ("importlib.reload", Special::Identity),
    ("sys.modules", Special::Modules),
    ("operator.attrgetter", Special::AttrGetter),
    ("operator.methodcaller", Special::MethodCaller),
    ("operator.itemgetter", Special::ItemGetter),
    ("functools.partial", Special::Partial),
    ("functools.partialmethod", Special::Partial),
    ("typing.cast", Special::Cast),
    ("typing_extensions.cast", Special::Cast),
    ("builtins.isinstance", Special::TypeTest),
    ("builtins.issubclass", Special::TypeTest),
    ("builtins.callable", Special::TypeTest),
    ("builtins.hasattr", Special::TypeTest),
    ("builtins.id", Special::TypeTest),
    ("builtins.repr", Special::TypeTest),
    ("builtins.type", Special::TypeOf),
    ("builtins.dir", Special::TypeTest),
    ("builtins.hash", Special::TypeTest),
    ("typing.get_type_hints", Special::TypeTest),
    ("typing.TypeVar", Special::TypeTest),
    ("typing.NewType", Special::TypeTest),
    ("inspect.signature", Special::TypeTest),
    ("inspect.getsource", Special::TypeTest),
    ("inspect.getdoc", Special::TypeTest),
    ("inspect.isclass", Special::TypeTest),
    ("inspect.isfunction", Special::TypeTest),
    ("functools.wraps", Special::TypeTest),
    ("hermetic.hermetic_blocker", INSTALL),
    ("hermetic.with_hermetic", INSTALL),
    ("hermetic.blocker.hermetic_blocker", INSTALL),
    ("hermetic.blocker.with_hermetic", INSTALL),
    ("hermetic.guards.install_all", INSTALL),
    ("pytest_socket.disable_socket", Special::Install { patching: true }),
    ("pytest_socket.socket_allow_hosts", Special::Install { patching: true }),
    ("builtins.chr", Special::Chr),
    ("builtins.str", Special::Text),
    ("os.fspath", Special::Text),
    ("os.fsdecode", Special::Text),
    ("contextlib.closing", Special::Identity),
    ("contextlib.aclosing", Special::Identity),
    ("contextlib.nullcontext", Special::Identity),
    ("contextlib.ExitStack.enter_context", Special::Identity),
    ("contextlib.AsyncExitStack.enter_async_context", Special::Identity),
    ("copy.copy", Special::Identity),
    ("copy.deepcopy", Special::Identity),
    ("typing.TYPE_CHECKING", Special::TypeChecking),
    ("typing_extensions.TYPE_CHECKING", Special::TypeChecking),
    ("typing.Optional", Special::TypeWrapper),
    ("typing.Union", Special::TypeWrapper),
    ("typing.Annotated", Special::TypeWrapper),
    ("typing.Final", Special::TypeWrapper),
    ("typing.ClassVar", Special::TypeWrapper),
    ("typing_extensions.Annotated", Special::TypeWrapper),
    ("unittest.mock.patch", Special::Mock),
    ("unittest.mock.patch.object", Special::Mock),
    ("unittest.mock.patch.dict", Special::Mock),
    ("unittest.mock.patch.multiple", Special::Mock),
    ("unittest.mock.create_autospec", Special::Mock),
    ("unittest.mock.Mock", Special::Mock),
    ("unittest.mock.MagicMock", Special::Mock),
    ("unittest.mock.AsyncMock", Special::Mock),
    ("unittest.mock.NonCallableMock", Special::Mock),
    ("mock.patch", Special::Mock),
    ("mock.patch.object", Special::Mock),
    ("mock.patch.dict", Special::Mock),
    ("mock.create_autospec", Special::Mock),
    ("mock.Mock", Special::Mock),
    ("mock.MagicMock", Special::Mock),
    ("builtins.iter", Special::Items),
    ("builtins.list", Special::Items),
    ("builtins.reversed", Special::Items),
    ("builtins.set", Special::Items),
    ("builtins.sorted", Special::Items),
    ("builtins.tuple", Special::Items),
    ("pathlib.Path.glob", Special::Paths),
    ("pathlib.Path.iterdir", Special::Paths),
    ("pathlib.Path.rglob", Special::Paths),
    ("os.path.join", Special::JoinPath),
    ("pathlib.Path", Special::Path),
    ("pathlib.PurePath", Special::Path),
    ("pathlib.PosixPath", Special::Path),
    ("pathlib.WindowsPath", Special::Path),
    ("urllib.parse.urljoin", Special::JoinUrl),
    ("builtins.staticmethod", Special::MethodWrapper),
    ("builtins.classmethod", Special::MethodWrapper),
    ("builtins.property", Special::MethodWrapper),
    ("builtins.super", Special::Super),
    ("yaml.SafeLoader", Special::SafeLoader),
    ("yaml.CSafeLoader", Special::SafeLoader),
    ("yaml.BaseLoader", Special::SafeLoader),
    ("yaml.CBaseLoader", Special::SafeLoader),
    ("yaml.loader.SafeLoader", Special::SafeLoader),
    ("yaml.loader.BaseLoader", Special::SafeLoader),
    ("yaml.cyaml.CSafeLoader", Special::SafeLoader),
    ("yaml.cyaml.CBaseLoader", Special::SafeLoader),
    ("os.O_WRONLY", Special::OpenFlag { writes: true, only: true }),
    ("os.O_RDWR", Special::OpenFlag { writes: true, only: false }),
    ("os.O_APPEND", Special::OpenFlag { writes: true, only: false }),
    ("os.O_CREAT", Special::OpenFlag { writes: true, only: false }),
    ("os.O_TRUNC", Special::OpenFlag { writes: true, only: false }),
    ("os.O_TMPFILE", Special::OpenFlag { writes: true, only: false }),
    ("os.O_RDONLY", Special::OpenFlag { writes: false, only: false }),
    ("os.O_EXCL", Special::OpenFlag { writes: false, only: false }),
    ("os.O_CLOEXEC", Special::OpenFlag { writes: false, only: false }),
    ("os.O_NOFOLLOW", Special::OpenFlag { writes: false, only: false }),
    ("os.O_DIRECTORY", Special::OpenFlag { writes: false, only: false }),
    ("os.O_NONBLOCK", Special::OpenFlag { writes: false, only: false }),
    ("os.O_NOCTTY", Special::OpenFlag { writes: false, only: false }),
    ("os.O_SYNC", Special::OpenFlag { writes: false, only: false }),
    ("os.O_DSYNC", Special::OpenFlag { writes: false, only: false }),
    ("os.O_RSYNC", Special::OpenFlag { writes: false, only: false }),
    ("os.O_NOINHERIT", Special::OpenFlag { writes: false, only: false }),
    ("os.O_BINARY", Special::OpenFlag { writes: false, only: false }),
    ("os.O_TEXT", Special::OpenFlag { writes: false, only: false }),
    ("os.O_TEMPORARY", Special::OpenFlag { writes: false, only: false }),
    ("os.O_SHORT_LIVED", Special::OpenFlag { writes: false, only: false }),
    ("os.O_SEQUENTIAL", Special::OpenFlag { writes: false, only: false }),
    ("os.O_RANDOM", Special::OpenFlag { writes: false, only: false }),
    ("os.O_PATH", Special::OpenFlag { writes: false, only: false }),
    ("os.O_DIRECT", Special::OpenFlag { writes: false, only: false }),
    ("os.O_LARGEFILE", Special::OpenFlag { writes: false, only: false }),
    ("os.O_NOATIME", Special::OpenFlag { writes: false, only: false }),
    ("os.O_NDELAY", Special::OpenFlag { writes: false, only: false }),
    ("os.O_EXLOCK", Special::OpenFlag { writes: false, only: false }),
    ("os.O_SHLOCK", Special::OpenFlag { writes: false, only: false }),
    ("os.O_ASYNC", Special::OpenFlag { writes: false, only: false }),
];
