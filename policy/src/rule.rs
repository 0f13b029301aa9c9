//! A rule as one static value: its name, what it guards, and what gives it away.
//!
//! Both faces interpret the same value. The analyzer reads the `Call`, `Reference`, `Import`,
//! `Construct` and `Literal` triggers; the runtime guard reads `Audit`, `Slot` and `Import`. Each
//! matches [`Trigger`] without a wildcard arm, so a new kind of trigger cannot be forgotten by
//! either.

use crate::act::Verb;
use crate::capability::Capability;

/// How loudly a finding is told. `Error` and `Warn` make the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Not reported.
    Off,
    /// Reported, never a reason for exit code 1.
    Info,
    /// Reported; exit code 1.
    Warn,
    /// Reported; exit code 1.
    Error,
}

impl Level {
    /// The name used in output and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Off, Self::Info, Self::Warn, Self::Error].into_iter().find(|l| l.name() == name)
    }
}

/// When a rule has something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// With or without a policy: ways around any guard, and native code.
    Always,
    /// Only where the chosen policy denies the act or cannot decide it.
    ByPolicy,
}

/// One rule. The statics live in `rules/<family>.rs`, the page in `policy/rules/<name>.md`.
#[derive(Debug)]
pub struct Rule {
    /// Kebab case; reads well after "allow". The only identity a rule has.
    pub name: &'static str,
    /// What it guards.
    pub capability: Capability,
    /// How loudly a denied (or always reported) act is told.
    pub level: Level,
    /// The version that introduced it.
    pub since: &'static str,
    /// One line: lower case, no full stop.
    pub summary: &'static str,
    /// What a trigger of this rule does, unless the trigger says otherwise.
    pub verb: Verb,
    /// Whether it needs a policy to speak.
    pub reported: Reported,
    /// The page: documentation, hover text and test of both faces.
    pub page: &'static str,
    /// What gives it away.
    pub triggers: &'static [Trigger],
}

/// One thing that gives a rule away.
#[derive(Clone, Copy, Debug)]
pub enum Trigger {
    /// A call of this function, class or method (static).
    Call(Api),
    /// A read, write or mutation of this attribute, `os.environ`, `sys.path` (static).
    Reference(Api),
    /// An import of this module or anything below it (both faces).
    Import(&'static str),
    /// A form of syntax (static).
    Construct(Construct),
    /// A string literal that names a place (static).
    Literal(&'static str),
    /// An event of `sys.audit`, by its name (run time; CPython, `Doc/library/audit_events.rst`).
    Audit(&'static str),
    /// What raises no event and is guarded in place: a C function or type slot by the module that
    /// defines it (`_posixsubprocess.fork_exec`), or an object whose changes are watched
    /// (`sys.path`) (run time).
    Slot(&'static str),
}

/// A syntactic form only the analyzer can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Construct {
    /// A reference to a patch point taken and kept.
    KeptReference,
    /// An attribute of this name read on any object, such as `__subclasses__` or `f_back`.
    Attribute(&'static str),
    /// An attribute of this name written on any object, such as `__code__`.
    AttributeWrite(&'static str),
    /// Assignment to, or deletion of, an attribute of a guarded module.
    GuardedModuleWrite,
    /// An entry of `sys.modules` for a guarded module written or deleted.
    ModuleTableWrite,
    /// A notebook's `!cmd`, `%%bash`, `%run`, `%pip` and kin.
    NotebookShell,
    /// An import of a module that is not known to be pure Python.
    UnknownImport,
    /// An import of a module the policy's `deny-import` may name.
    AnyImport,
    /// A file that could not be analysed in whole.
    Unanalysed,
    /// A comment that suppresses findings, and nothing is there that it suppresses.
    UnusedSuppression,
    /// A comment meant to suppress findings that suppresses none: no rule or an unknown one.
    InvalidSuppression,
    /// An import before a guard is installed of what the guard would have stopped.
    LateInstall,
    /// A comment that suppresses findings without a reason.
    UnexplainedSuppression,
}

/// A named function, class, method or attribute and how to read an act from its use.
///
/// Written as a chain: `api("os.mkdir").path(arg(0, "path")).patch_point()`.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    /// Fully qualified: `socket.socket`, `builtins.open`, `pathlib.Path.write_text`.
    pub name: &'static str,
    /// Where the operand of the act stands.
    pub operand: OperandAt,
    /// What must hold of the arguments for the act to happen at all.
    pub condition: Condition,
    /// Patched by hermetic-seal, pytest-socket or test mocks: a kept reference misses the patch.
    pub patch_point: bool,
    /// Whether the runtime guard still sees the act through a kept reference.
    pub enforced_when_kept: bool,
    /// The act differs from the rule's own.
    pub verb: Option<Verb>,
}

/// Where in a call the operand of an act stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperandAt {
    /// Nowhere: the act has no operand, or it cannot be read from the call.
    Nowhere,
    /// The same for every call: `sys.path`, a fixed host.
    Fixed(&'static str),
    /// A host name or address, and its port where another argument gives it.
    Host(Arg, Option<Arg>),
    /// A socket address: `(host, port)`, `(host, port, flow, scope)` or a Unix path.
    Address(Arg),
    /// A URL, or an object made from one; where it is missing or relative, the receiver's.
    /// A literal URL of a scheme without a host (`file:`, `data:`, `sqlite:`) reaches
    /// no endpoint: there is no act.
    Url(Arg),
    /// The endpoint given when the receiver was made: `HTTPConnection(host).request(...)`.
    Receiver,
    /// A path. Without one, the receiver's: `Path("f").write_text(...)`. Where the argument is
    /// known to be an open file (an `io.IOBase`) or a descriptor (an `int`), no path is reached
    /// and there is no act: `zipfile.ZipFile(io.BytesIO(), "w")`, `open(3, "w")`.
    Path(Arg),
    /// The path given when the receiver was made.
    ReceiverPath,
    /// A program: a string, or the first item of a sequence.
    Program(Arg),
    /// A shell command line: the first word is the program.
    CommandLine(Arg),
    /// The name of an environment variable.
    Variable(Arg),
    /// The name of a module.
    Module(Arg),
}

/// An argument by place and by keyword. Methods do not count `self`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Place among the positional arguments, from 0; [`Arg::KEYWORD_ONLY`] where there is none.
    pub position: u8,
    /// The keyword; empty for positional-only parameters.
    pub keyword: &'static str,
}

impl Arg {
    /// The `position` of a keyword-only parameter.
    pub const KEYWORD_ONLY: u8 = u8::MAX;
}

/// What must hold of the arguments for the act to happen.
///
/// The analyzer answers yes, no or unknown; unknown makes the act undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// The mode string (default `"r"`) has `w`, `a`, `x` or `+`. Only what stands before a `:` or
    /// `|` counts: `tarfile.open(p, "r:xz")` reads.
    ModeWrites(Arg),
    /// The mode string (default `"r"`), up to a `:` or `|`, has none of `w`, `a`, `x`, or has `+`.
    ModeReads(Arg),
    /// The `os.open` flags have a writing one (`O_WRONLY`, `O_RDWR`, `O_APPEND`, `O_CREAT`,
    /// `O_TRUNC`).
    FlagsWrite(Arg),
    /// The `os.open` flags have neither `O_WRONLY` nor another writing flag alone.
    FlagsRead(Arg),
    /// The argument is given and true.
    True(Arg),
    /// The argument is missing or not false.
    NotFalse(Arg),
    /// The argument is missing, or given and false.
    NotTrue(Arg),
    /// The argument is given and is not `None`.
    Given(Arg),
    /// The argument is missing or `None`.
    Missing(Arg),
    /// The YAML loader is not one of the safe ones; missing counts as unsafe.
    UnsafeLoader(Arg),
    /// The argument is a URL of a remote scheme (`http:`, `https:`, `ftp:`, `s3:`, `gs:` ...).
    RemoteUrl(Arg),
    /// The argument is a local path, not a URL or an open file.
    LocalPath(Arg),
    /// The argument is a string or bytes of source text (not a code object or a callable).
    SourceText(Arg),
    /// The argument is not a string constant: the name it gives is computed.
    Computed(Arg),
    /// The argument is given and is none of these strings.
    NotText(Arg, &'static [&'static str]),
    /// Every one of these holds: no where one does not, otherwise unknown where one is unknown.
    All(&'static [Condition]),
    /// The argument is one of these strings.
    OneOf(Arg, &'static [&'static str]),
}

/// An [`Api`] with no operand and no condition; chain the rest.
pub const fn api(name: &'static str) -> Api {
    Api {
        name,
        operand: OperandAt::Nowhere,
        condition: Condition::Always,
        patch_point: false,
        enforced_when_kept: true,
        verb: None,
    }
}

/// An argument by position and keyword.
pub const fn arg(position: u8, keyword: &'static str) -> Arg {
    Arg { position, keyword }
}

/// A keyword-only argument.
pub const fn keyword(keyword: &'static str) -> Arg {
    Arg { position: Arg::KEYWORD_ONLY, keyword }
}

impl Api {
    /// The operand is always this text.
    pub const fn fixed(self, text: &'static str) -> Self {
        self.at(OperandAt::Fixed(text))
    }
    /// The operand is a host.
    pub const fn host(self, host: Arg) -> Self {
        self.at(OperandAt::Host(host, None))
    }
    /// The operand is a host with a port beside it.
    pub const fn host_port(self, host: Arg, port: Arg) -> Self {
        self.at(OperandAt::Host(host, Some(port)))
    }
    /// The operand is a socket address.
    pub const fn address(self, address: Arg) -> Self {
        self.at(OperandAt::Address(address))
    }
    /// The operand is a URL.
    pub const fn url(self, url: Arg) -> Self {
        self.at(OperandAt::Url(url))
    }
    /// The operand is the endpoint the receiver was made with.
    pub const fn receiver(self) -> Self {
        self.at(OperandAt::Receiver)
    }
    /// The operand is a path.
    pub const fn path(self, path: Arg) -> Self {
        self.at(OperandAt::Path(path))
    }
    /// The operand is the path the receiver was made with.
    pub const fn receiver_path(self) -> Self {
        self.at(OperandAt::ReceiverPath)
    }
    /// The operand is a program.
    pub const fn program(self, program: Arg) -> Self {
        self.at(OperandAt::Program(program))
    }
    /// The operand is a shell command line.
    pub const fn command_line(self, command: Arg) -> Self {
        self.at(OperandAt::CommandLine(command))
    }
    /// The operand is an environment variable.
    pub const fn variable(self, name: Arg) -> Self {
        self.at(OperandAt::Variable(name))
    }
    /// The operand is a module name.
    pub const fn module(self, name: Arg) -> Self {
        self.at(OperandAt::Module(name))
    }
    /// The act happens only under this condition.
    pub const fn when(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }
    /// A patch replaces this attribute; a kept reference misses the patch.
    pub const fn patch_point(mut self) -> Self {
        self.patch_point = true;
        self
    }
    /// The runtime guard does not see the act through a kept reference.
    pub const fn unenforced(mut self) -> Self {
        self.enforced_when_kept = false;
        self
    }
    /// The act of this trigger differs from the rule's.
    pub const fn act(mut self, verb: Verb) -> Self {
        self.verb = Some(verb);
        self
    }
    const fn at(mut self, operand: OperandAt) -> Self {
        self.operand = operand;
        self
    }
}

/// What the analyzer must know about names that are not acts themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeFact {
    /// Calling (or reading) `api` gives an instance of `class`.
    Returns {
        /// A function, method or attribute.
        api: &'static str,
        /// The class of what it gives.
        class: &'static str,
    },
    /// `class` inherits from `base`.
    Extends {
        /// The subclass.
        class: &'static str,
        /// Its base.
        base: &'static str,
    },
    /// `name` is another name of `of`, module or attribute: `posix` of `os`, `io.open` of
    /// `builtins.open`. Only what `name` has no trigger for is looked up under `of`.
    Alias {
        /// The other name.
        name: &'static str,
        /// The name that has the triggers.
        of: &'static str,
    },
}
