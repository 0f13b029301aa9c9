//! Operands and conditions, read from the arguments of a call.

use std::rc::Rc;

use hermetic_policy::pattern::url::{UrlHost, split_host_port};
use hermetic_policy::rule::{Api, Arg, Condition, OperandAt, keyword};

use crate::resolve::special::Special;
use crate::resolve::value::{Instance, Text, Value};
use crate::summary::FoundOperand;

use super::engine::Engine;

/// The evaluated arguments of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments<'a> {
    pub(super) positional: Vec<Value<'a>>,
    pub(super) keywords: Vec<(&'a str, Value<'a>)>,
    /// `*rest` or `**rest` may give more.
    pub(super) more: bool,
    /// References among those.
    pub(super) loose: Vec<Value<'a>>,
}

/// One argument looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'v, 'a> {
    Value(&'v Value<'a>),
    Missing,
    /// It may be among `*rest` or `**rest`.
    Unknown,
}

/// An answer that may not be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

impl<'a> Arguments<'a> {
    /// The argument at a place, by position or keyword.
    pub(super) fn get(&self, place: Arg) -> Given<'_, 'a> {
        let positional = self.positional.get(usize::from(place.position));
        let keyword = || {
            let named = self.keywords.iter().find(|(name, _)| *name == place.keyword);
            named.map(|(_, value)| value)
        };
        match positional.or_else(keyword) {
            Some(value) => Given::Value(value),
            None if self.more => Given::Unknown,
            None => Given::Missing,
        }
    }

    /// The argument of that keyword.
    pub(super) fn keyword(&self, keyword: &str) -> Option<&Value<'a>> {
        self.keywords.iter().find(|(name, _)| *name == keyword).map(|(_, value)| value)
    }

    /// The first argument, or the one of that keyword.
    pub(super) fn first_or(&self, keyword: &str) -> Option<&Value<'a>> {
        self.positional.first().or_else(|| self.keyword(keyword))
    }

    /// The arguments behind an explicit receiver.
    pub(super) fn without_first(&self) -> Self {
        Self { positional: self.positional.iter().skip(1).cloned().collect(), ..self.clone() }
    }
}

/// Whether a command is read by a shell (`subprocess.Popen`); by keyword, as everybody writes it.
const SHELL: Arg = keyword("shell");

/// The operand of an act, as far as the call tells.
pub(super) fn operand<'a>(
    at: OperandAt,
    arguments: &Arguments<'a>,
    receiver: Option<&Rc<Instance<'a>>>,
) -> FoundOperand {
    let of_receiver = || receiver.map_or(FoundOperand::Unknown, |r| r.origin.clone());
    match at {
        OperandAt::Nowhere => FoundOperand::Unknown,
        OperandAt::Fixed(text) => FoundOperand::Name(text.into()),
        OperandAt::Host(host, port) => match arguments.get(host) {
            Given::Value(value) => host_operand(value, port.map(|port| arguments.get(port))),
            Given::Missing => of_receiver(),
            Given::Unknown => FoundOperand::Unknown,
        },
        OperandAt::Address(address) => match arguments.get(address) {
            Given::Value(value) => address_operand(value),
            Given::Missing | Given::Unknown => FoundOperand::Unknown,
        },
        OperandAt::Url(url) => match arguments.get(url) {
            Given::Value(value) => url_operand(value, of_receiver()),
            Given::Missing => of_receiver(),
            Given::Unknown => FoundOperand::Unknown,
        },
        OperandAt::Receiver | OperandAt::ReceiverPath => of_receiver(),
        OperandAt::Path(path) => match arguments.get(path) {
            Given::Value(value) => path_operand(value),
            Given::Missing => of_receiver(),
            Given::Unknown => FoundOperand::Unknown,
        },
        OperandAt::Program(program) => match arguments.get(program) {
            Given::Value(Value::Sequence(items)) => {
                items.first().map_or_else(FoundOperand::default, |first| {
                    name_operand(path_text(first).as_ref())
                })
            }
            // With `shell=True` a command line, without it the program itself.
            Given::Value(value) => match (first_word(value), arguments.get(SHELL)) {
                (FoundOperand::CommandLine(word), Given::Missing) if is_one_word(value) => {
                    FoundOperand::Name(word)
                }
                (found, _) => found,
            },
            Given::Missing | Given::Unknown => FoundOperand::Unknown,
        },
        OperandAt::CommandLine(command) => match arguments.get(command) {
            Given::Value(value) => first_word(value),
            Given::Missing | Given::Unknown => FoundOperand::Unknown,
        },
        OperandAt::Variable(name) | OperandAt::Module(name) => match arguments.get(name) {
            Given::Value(Value::Text(text)) => name_operand(Some(text)),
            Given::Value(Value::Bytes(text)) => FoundOperand::Name((*text).into()),
            Given::Value(_) | Given::Missing | Given::Unknown => FoundOperand::Unknown,
        },
    }
}

impl<'a> Engine<'a> {
    /// Whether an argument shows that the call opens nothing: an open file or a descriptor where a
    /// path is taken.
    pub(super) fn reaches_nothing(&self, api: &Api, arguments: &Arguments<'a>) -> Truth {
        let OperandAt::Path(path) = api.operand else { return Truth::No };
        let Given::Value(value) = arguments.get(path) else { return Truth::No };
        // These take no open file: where one may be given, it is a path when they are called.
        let paths_only = ["builtins.", "os.", "shutil."].iter().any(|m| api.name.starts_with(m));
        let is_open = |one: &Value<'a>| match one {
            Value::Int(_) => true,
            Value::Instance(instance) => !paths_only && self.is_open_file(instance),
            _ => false,
        };
        let open = value.each().iter().filter(|one| is_open(one)).count();
        match open {
            0 => Truth::No,
            n if n == value.each().len() => Truth::Yes,
            _ => Truth::Unknown,
        }
    }

    fn is_open_file(&self, instance: &Instance<'a>) -> bool {
        let file = self.names.find("io.IOBase");
        file.is_some_and(|file| self.names.is_subclass(instance.class, file))
    }

    /// Whether an object in the place of a URL or path is one of a remote place.
    fn is_remote(&self, instance: &Instance<'a>) -> Truth {
        let local = self.names.special(instance.class) == Some(Special::Path);
        if local || self.is_open_file(instance) { Truth::No } else { Truth::Unknown }
    }

    /// Whether an object in the place of a URL or path is a local path.
    fn is_local_path(&self, instance: &Instance<'a>) -> Truth {
        match self.names.special(instance.class) {
            Some(Special::Path) => Truth::Yes,
            _ if self.is_open_file(instance) => Truth::No,
            _ => Truth::Unknown,
        }
    }

    /// Whether the condition of a trigger holds.
    pub(super) fn holds(&self, condition: Condition, arguments: &Arguments<'a>) -> Truth {
        match condition {
            Condition::Always => Truth::Yes,
            Condition::ModeWrites(mode) => mode_truth(arguments.get(mode), mode_writes),
            Condition::ModeReads(mode) => mode_truth(arguments.get(mode), mode_reads),
            Condition::FlagsWrite(flags) => self.flags(arguments.get(flags), true),
            Condition::FlagsRead(flags) => self.flags(arguments.get(flags), false),
            Condition::True(place) => match arguments.get(place) {
                Given::Value(value) => truth_of(value),
                Given::Missing => Truth::No,
                Given::Unknown => Truth::Unknown,
            },
            Condition::NotFalse(place) => match arguments.get(place) {
                Given::Value(value) => truth_of(value),
                Given::Missing => Truth::Yes,
                Given::Unknown => Truth::Unknown,
            },
            Condition::NotTrue(place) => match arguments.get(place) {
                Given::Value(value) => truth_of(value).not(),
                Given::Missing => Truth::Yes,
                Given::Unknown => Truth::Unknown,
            },
            Condition::Given(place) => given(arguments.get(place)),
            Condition::Missing(place) => given(arguments.get(place)).not(),
            Condition::UnsafeLoader(place) => match arguments.get(place) {
                Given::Value(value) => self.unsafe_loader(value, 0),
                Given::Missing => Truth::Yes,
                Given::Unknown => Truth::Unknown,
            },
            Condition::RemoteUrl(place) => match arguments.get(place) {
                Given::Value(Value::Text(text)) => remote(text),
                Given::Value(Value::Instance(instance)) => self.is_remote(instance),
                Given::Value(_) | Given::Unknown => Truth::Unknown,
                Given::Missing => Truth::No,
            },
            Condition::LocalPath(place) => match arguments.get(place) {
                Given::Value(Value::Text(text)) => remote(text).not(),
                Given::Value(Value::Instance(instance)) => self.is_local_path(instance),
                Given::Value(_) | Given::Unknown => Truth::Unknown,
                Given::Missing => Truth::No,
            },
            Condition::SourceText(place) => match arguments.get(place) {
                Given::Value(Value::Text(_) | Value::Bytes(_)) => Truth::Yes,
                Given::Value(
                    Value::Function(_)
                    | Value::Name(_)
                    | Value::Class(_)
                    | Value::Partial(_)
                    | Value::Int(_)
                    | Value::Bool(_)
                    | Value::None,
                )
                | Given::Missing => Truth::No,
                Given::Value(_) | Given::Unknown => Truth::Unknown,
            },
            Condition::NotText(place, texts) => match arguments.get(place) {
                Given::Value(Value::Text(text)) => match text.exact() {
                    Some(text) if texts.contains(&text) => Truth::No,
                    Some(_) => Truth::Yes,
                    None => Truth::Unknown,
                },
                Given::Value(Value::Instance(_)) => Truth::Yes,
                Given::Missing => Truth::No,
                Given::Value(_) | Given::Unknown => Truth::Unknown,
            },
            Condition::OneOf(place, texts) => match arguments.get(place) {
                Given::Value(Value::Text(text)) => match text.exact() {
                    Some(text) if texts.contains(&text) => Truth::Yes,
                    Some(_) => Truth::No,
                    None => Truth::Unknown,
                },
                Given::Missing => Truth::No,
                Given::Value(_) | Given::Unknown => Truth::Unknown,
            },
            Condition::All(conditions) => {
                let truths = conditions.iter().map(|c| self.holds(*c, arguments));
                truths.fold(Truth::Yes, Truth::and)
            }
            Condition::Computed(place) => match arguments.get(place) {
                Given::Value(value) if value.exact_text().is_some() => Truth::No,
                _ => Truth::Yes,
            },
        }
    }

    /// Whether any of the loaders a value may be is not a safe one.
    fn unsafe_loader(&self, loader: &Value<'a>, depth: u8) -> Truth {
        let each = loader.each().iter().map(|one| match one {
            Value::Name(id) if self.names.special(*id) == Some(Special::SafeLoader) => Truth::No,
            Value::Name(_) => Truth::Yes,
            // A loader of this file is as safe as what it is made from.
            Value::Class(id) if depth < 8 => {
                let bases = self.classes.get(id.0 as usize).map_or(&[][..], |class| &class.bases);
                let bases = bases.iter().map(|base| self.unsafe_loader(base, depth + 1));
                bases.reduce(Truth::or).unwrap_or(Truth::Unknown)
            }
            _ => Truth::Unknown,
        });
        each.reduce(Truth::or).unwrap_or(Truth::Unknown)
    }

    /// Whether the flags of `os.open` write (or read).
    fn flags(&self, given: Given<'_, 'a>, writes: bool) -> Truth {
        let Given::Value(value) = given else { return Truth::Unknown };
        let (writing, write_only) = self.flag_facts(value, 0);
        if writes { writing } else { write_only.not() }
    }

    /// Whether flags write, and whether they do nothing else.
    fn flag_facts(&self, value: &Value<'a>, depth: u8) -> (Truth, Truth) {
        let truth = |holds| if holds { Truth::Yes } else { Truth::No };
        let unknown = (Truth::Unknown, Truth::Unknown);
        let parts = |values: &[Value<'a>], join: fn(Truth, Truth) -> Truth| {
            let facts = values.iter().map(|one| self.flag_facts(one, depth + 1));
            facts.reduce(|a, b| (join(a.0, b.0), join(a.1, b.1))).unwrap_or(unknown)
        };
        match value {
            _ if depth > 16 => unknown,
            Value::Flags(values) => parts(values, Truth::or),
            Value::Either(values) => parts(values, |a, b| if a == b { a } else { Truth::Unknown }),
            Value::Name(id) => match self.names.special(*id) {
                Some(Special::OpenFlag { writes, only }) => (truth(writes), truth(only)),
                _ => unknown,
            },
            // `O_RDONLY` is 0 everywhere; other numbers differ between systems.
            Value::Int(0) => (Truth::No, Truth::No),
            _ => unknown,
        }
    }
}

impl Truth {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

fn truth_of(value: &Value<'_>) -> Truth {
    let truth = match value {
        Value::Bool(b) => *b,
        Value::Int(n) => *n != 0,
        Value::None => false,
        Value::Text(text) if text.complete || !text.known.is_empty() => !text.known.is_empty(),
        Value::Name(_) | Value::Function(_) | Value::Class(_) => true,
        _ => return Truth::Unknown,
    };
    if truth { Truth::Yes } else { Truth::No }
}

fn given(given: Given<'_, '_>) -> Truth {
    match given {
        Given::Value(Value::None) | Given::Missing => Truth::No,
        Given::Unknown => Truth::Unknown,
        Given::Value(_) => Truth::Yes,
    }
}

fn mode_truth(given: Given<'_, '_>, does: fn(&str) -> bool) -> Truth {
    let holds = match given {
        // `"a" if append else "w"`
        Given::Value(Value::Either(modes)) => {
            let each = modes.iter().map(|mode| mode_truth(Given::Value(mode), does));
            let agreed = each.reduce(|a, b| if a == b { a } else { Truth::Unknown });
            return agreed.unwrap_or(Truth::Unknown);
        }
        Given::Missing => does("r"),
        Given::Value(Value::Text(text)) => match text.exact() {
            Some(mode) => does(mode),
            None => return Truth::Unknown,
        },
        _ => return Truth::Unknown,
    };
    if holds { Truth::Yes } else { Truth::No }
}

/// The part of a mode that says what is done: `r` of `r:xz`.
fn action(mode: &str) -> &str {
    mode.split([':', '|']).next().unwrap_or(mode)
}

fn mode_writes(mode: &str) -> bool {
    action(mode).contains(['w', 'a', 'x', '+'])
}

fn mode_reads(mode: &str) -> bool {
    let mode = action(mode);
    !mode.contains(['w', 'a', 'x']) || mode.contains('+')
}

fn remote(text: &Text<'_>) -> Truth {
    let beginning = text.known.trim_start().to_ascii_lowercase();
    if let Some((scheme, _)) = beginning.split_once("://") {
        return if matches!(scheme, "file" | "memory") { Truth::No } else { Truth::Yes };
    }
    if text.complete || beginning.contains(['/', '.']) { Truth::No } else { Truth::Unknown }
}

/// The text of a string or a path object.
pub(super) fn path_text<'a>(value: &Value<'a>) -> Option<Text<'a>> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bytes(text) => Some(Text::complete(*text)),
        Value::Int(n) => Some(Text::complete(n.to_string())),
        Value::Instance(instance) => instance.text.clone(),
        _ => None,
    }
}

fn name_operand(text: Option<&Text<'_>>) -> FoundOperand {
    match text.and_then(Text::exact) {
        Some(exact) => FoundOperand::Name(exact.into()),
        None => FoundOperand::Unknown,
    }
}

fn first_word(value: &Value<'_>) -> FoundOperand {
    let Some(text) = path_text(value) else { return FoundOperand::Unknown };
    let mut words = text.known.split_whitespace();
    match (words.next(), words.next()) {
        // The word is known in full only if something stands behind it.
        (Some(word), next) if text.complete || next.is_some() => {
            FoundOperand::CommandLine(word.into())
        }
        _ => FoundOperand::Unknown,
    }
}

/// Whether a text is nothing but one word.
fn is_one_word(value: &Value<'_>) -> bool {
    path_text(value)
        .is_some_and(|text| text.exact().is_some_and(|all| !all.contains(char::is_whitespace)))
}

fn path_operand(value: &Value<'_>) -> FoundOperand {
    match value {
        // A number is a descriptor.
        Value::Int(_) => FoundOperand::Unknown,
        Value::Instance(instance) => instance.origin.clone(),
        value => match path_text(value).as_ref().and_then(Text::exact) {
            Some(exact) => FoundOperand::Path(exact.into()),
            None => FoundOperand::Unknown,
        },
    }
}

fn host_operand(value: &Value<'_>, port: Option<Given<'_, '_>>) -> FoundOperand {
    let Some(text) = path_text(value) else { return FoundOperand::Unknown };
    let Some(host) = text.exact() else { return FoundOperand::Unknown };
    let port = port.and_then(|given| match given {
        Given::Value(Value::Int(n)) => u16::try_from(*n).ok(),
        Given::Value(_) | Given::Missing | Given::Unknown => None,
    });
    // Many clients take `host:port` in one.
    if port.is_none()
        && let Some((host, Some(port))) = split_host_port(host)
    {
        return FoundOperand::Inet { host: host.as_str().into(), port: Some(port) };
    }
    FoundOperand::Inet { host: host.into(), port }
}

fn address_operand(value: &Value<'_>) -> FoundOperand {
    match value {
        Value::Sequence(items) => match items.first() {
            Some(host) => {
                host_operand(host, Some(items.get(1).map_or(Given::Missing, Given::Value)))
            }
            None => FoundOperand::Unknown,
        },
        Value::Text(text) => match text.exact() {
            Some(path) => FoundOperand::Unix(path.into()),
            None => FoundOperand::Unknown,
        },
        Value::Bytes(path) => FoundOperand::Unix((*path).into()),
        _ => FoundOperand::Unknown,
    }
}

fn url_operand(value: &Value<'_>, receiver: FoundOperand) -> FoundOperand {
    let text = match value {
        Value::Text(text) => text,
        // A request object made from a URL.
        Value::Instance(instance) => return instance.origin.clone(),
        _ => return FoundOperand::Unknown,
    };
    let host = if text.complete {
        UrlHost::parse(&text.known)
    } else {
        UrlHost::parse_prefix(&text.known)
    };
    match host {
        UrlHost::Endpoint { host, port } => {
            FoundOperand::Inet { host: host.as_str().into(), port: Some(port) }
        }
        UrlHost::Relative => receiver,
        UrlHost::Local => FoundOperand::Nothing,
        UrlHost::Unknown => FoundOperand::Unknown,
    }
}
