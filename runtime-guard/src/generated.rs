//! Whether text is what the standard library generates, and no program smuggled in.
//!
//! `dataclasses` puts field names into the text of methods and does not check them, and `typing`
//! evaluates annotations, which are any text. Neither needs to call what a program likes. The
//! checks read words and brackets; they refuse what they do not know.

/// Calls in the methods `dataclasses` writes (CPython `Lib/dataclasses.py`); a `)` stands for the
/// result of the call before.
const DATACLASS_CALLS: [&str; 10] = [
    ").__delattr__",
    ").__setattr__",
    "BUILTINS.object.__setattr__",
    "FrozenInstanceError",
    "TypeError",
    "__dataclass_builtins_object__.__setattr__",
    "hash",
    "self.__post_init__",
    "super",
    "type",
];

/// The decorator of the `__repr__` it writes.
const DATACLASS_DECORATOR: &str = "__dataclasses_recursive_repr";

/// Words that make text more than definitions of methods.
const FORBIDDEN: [&str; 14] = [
    "import",
    "lambda",
    "exec",
    "eval",
    "compile",
    "__import__",
    "open",
    "getattr",
    "async",
    "await",
    "yield",
    "global",
    "nonlocal",
    "class",
];

/// Whether text only defines functions that assign, compare and return, as `dataclasses` does.
pub fn only_defines(source: &str) -> bool {
    defines_with(source, |callee| {
        // The default of a field that has a factory.
        callee.starts_with("_dflt_")
            || callee.starts_with("__dataclass_dflt_")
            || callee == DATACLASS_DECORATOR
            || DATACLASS_CALLS.contains(&callee)
    })
}

/// Whether text only defines functions that call these and themselves.
pub fn only_calls(source: &str, calls: &[&str]) -> bool {
    defines_with(source, |callee| calls.contains(&callee))
}

fn defines_with(source: &str, may_call: impl Fn(&str) -> bool) -> bool {
    let mut after_def = false;
    let mut defined = Vec::new();
    Tokens::new(source).all(|token| match token {
        Token::Word(word) if word == "def" => {
            after_def = true;
            true
        }
        Token::Word(word) => !FORBIDDEN.contains(&word.as_str()),
        Token::Open(callee) => {
            if std::mem::take(&mut after_def) {
                defined.push(callee);
                return true;
            }
            callee.is_empty()
                || defined.contains(&callee)
                || may_call(&callee)
                || KEYWORDS.contains(&callee.as_str())
        }
        Token::Decorator(name) => name.starts_with(DATACLASS_DECORATOR),
        Token::Other => true,
    })
}

/// Whether text is the `__new__` that `namedtuple` writes (CPython `Lib/collections/__init__.py`).
pub fn is_namedtuple(source: &str) -> bool {
    let is_names = |text: &str| {
        text.split(',').all(|name| name.trim().chars().all(|c| c == '_' || c.is_alphanumeric()))
    };
    source
        .strip_prefix("lambda _cls, ")
        .and_then(|rest| rest.strip_suffix("))"))
        .and_then(|rest| rest.split_once(": _tuple_new(_cls, ("))
        .is_some_and(|(parameters, items)| is_names(parameters) && is_names(items))
}

const KEYWORDS: [&str; 11] =
    ["if", "elif", "and", "or", "not", "in", "is", "return", "raise", "else", "def"];

/// Whether text is an annotation: names, attributes, subscripts, `|`, literals, and calls of
/// names that begin with a capital, as in `Annotated[int, Gt(0)]`.
pub fn is_annotation(source: &str) -> bool {
    Tokens::new(source).all(|token| match token {
        Token::Word(word) => !FORBIDDEN.contains(&word.as_str()) && !word.starts_with("__"),
        Token::Open(callee) => {
            callee.is_empty()
                || KEYWORDS.contains(&callee.as_str())
                || callee
                    .rsplit('.')
                    .next()
                    .is_some_and(|name| name.starts_with(|c: char| c.is_uppercase()))
        }
        Token::Decorator(_) => false,
        Token::Other => true,
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// An opening parenthesis, after this dotted name if it calls one; `()` after a bracket or
    /// another call is a call too, of a name that nothing allows.
    Open(String),
    /// `@` at the start of a line, with what follows.
    Decorator(String),
    Other,
}

struct Tokens<'a> {
    rest: &'a str,
    /// The dotted name before, where a parenthesis would call it.
    callee: String,
    at_line_start: bool,
}

impl<'a> Tokens<'a> {
    fn new(source: &'a str) -> Self {
        Self { rest: source, callee: String::new(), at_line_start: true }
    }

    /// Take a string literal, and give what is between its quotes.
    fn string(&mut self, quote: char) -> &str {
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let end = if self.rest.starts_with(&triple) { triple } else { quote.to_string() };
        let start = end.len();
        let mut from = start;
        let mut until = self.rest.len();
        while let Some(rest) = self.rest.get(from..) {
            if rest.starts_with(&end) {
                until = from;
                from += end.len();
                break;
            }
            let Some(c) = rest.chars().next() else { break };
            from += c.len_utf8();
            if c == '\\' {
                from += rest.chars().nth(1).map_or(0, char::len_utf8);
            }
        }
        let whole = self.rest;
        self.rest = whole.get(from..).unwrap_or_default();
        whole.get(start..until).unwrap_or_default()
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.rest.chars().next()?;
        let length = start.len_utf8();
        let is_word = |c: char| c == '_' || c.is_alphanumeric();
        if is_word(start) {
            let end = self.rest.find(|c: char| !is_word(c)).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            self.at_line_start = false;
            let word = word.to_owned();
            if let Some(quote @ ('"' | '\'')) = rest.chars().next()
                && word.len() <= 2
                && word.chars().all(|c| "rRbBuUfFtT".contains(c))
            {
                let is_formatted = word.contains(['f', 'F', 't', 'T']);
                let text = self.string(quote);
                // What an f-string evaluates may name things, and call nothing.
                let calls = is_formatted && holds_call(text);
                "\"".clone_into(&mut self.callee);
                return Some(if calls { Token::Open("f-string".to_owned()) } else { Token::Other });
            }
            if self.callee.ends_with('.') {
                self.callee.push_str(&word);
            } else {
                self.callee.clone_from(&word);
            }
            return Some(Token::Word(word));
        }
        match start {
            '"' | '\'' => {
                let _ = self.string(start);
                // A literal has methods: what is called after it is no name.
                "\"".clone_into(&mut self.callee);
                return Some(Token::Other);
            }
            _ => self.rest = self.rest.get(length..).unwrap_or_default(),
        }
        match start {
            '(' => {
                self.at_line_start = false;
                Some(Token::Open(std::mem::take(&mut self.callee)))
            }
            '@' if self.at_line_start => {
                let line = self.rest.lines().next().unwrap_or_default();
                Some(Token::Decorator(line.to_owned()))
            }
            '.' if !self.callee.is_empty() => {
                self.callee.push('.');
                Some(Token::Other)
            }
            ')' | ']' | '}' => {
                // `f()()`, `x[0]()`: what is called has no name.
                ")".clone_into(&mut self.callee);
                Some(Token::Other)
            }
            '\n' => {
                self.at_line_start = true;
                self.callee.clear();
                Some(Token::Other)
            }
            c if c.is_whitespace() => Some(Token::Other),
            _ => {
                self.at_line_start = false;
                self.callee.clear();
                Some(Token::Other)
            }
        }
    }
}

/// Whether what an f-string evaluates has a parenthesis in it.
fn holds_call(text: &str) -> bool {
    let mut depth = 0_u32;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' if depth == 0 && rest.peek() == Some(&'{') => {
                rest.next();
            }
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '(' if depth > 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{is_annotation, is_namedtuple, only_calls, only_defines};

    #[test]
    fn named_tuples_and_functions_that_call_few() {
        assert!(is_namedtuple("lambda _cls, x, y: _tuple_new(_cls, (x, y,))"));
        assert!(is_namedtuple("lambda _cls, : _tuple_new(_cls, ())"));
        assert!(!is_namedtuple("lambda _cls, x=f() : 0 #: _tuple_new(_cls, (x=f() : 0 #,))"));
        assert!(only_calls("def f(n):\n return int(n > (1))", &["int"]));
        assert!(only_calls("def f(*args):\n return f(*args)", &[]));
        assert!(!only_calls("def f(n):\n return int(g())", &["int"]));
    }

    #[test]
    fn methods_of_dataclasses() {
        for source in [
            "def __create_fn__(__dataclass_type_x__, MISSING, __dataclass_HAS_DEFAULT_FACTORY__):\n \
             def __init__(self,x:__dataclass_type_x__=_dflt_x)->__dataclass_return_type__:\n  \
             self.x=x\n return __init__",
            "def __create_fn__():\n def __repr__(self):\n  return f\"{self.__class__.__qualname__}\
             (x={self.x!r})\"\n return __repr__",
            "def __create_fn__():\n def __eq__(self,other):\n  if other.__class__ is \
             self.__class__:\n   return (self.x,)==(other.x,)\n  return NotImplemented\n return \
             __eq__",
            "def __create_fn__(cls):\n def __setattr__(self,name,value):\n  if type(self) is cls \
             or name in ('x',):\n   raise FrozenInstanceError(f\"cannot assign to field \
             {name!r}\")\n  super(cls, self).__setattr__(name, value)\n return __setattr__",
            "def __create_fn__():\n def __init__(self):\n  self.x=_dflt_x() if x is \
             _HAS_DEFAULT_FACTORY else x\n  self.__post_init__()\n return __init__",
            "def __create_fn__():\n def __hash__(self):\n  return hash((self.x,))\n return __hash__",
        ] {
            assert!(only_defines(source), "{source}");
        }
        for source in [
            "def f(self,x=__import__('os').system('id')):\n  pass",
            "def f(self):\n  self.x=os.system('id')",
            "def f(self, x=(lambda: 1)()):\n  pass",
            "@run\ndef f(self):\n  pass",
            "def f(self):\n  return f\"{run('id')}\"",
            "def f(self):\n  table[0]('id')",
        ] {
            assert!(!only_defines(source), "{source}");
        }
    }

    #[test]
    fn annotations() {
        for source in [
            "int",
            "list[int] | None",
            "typing.Optional['Popen']",
            "Callable[[int, str], bool]",
            "Annotated[int, Gt(0)]",
            "Tuple[()]",
            "Literal['a(b)', \"c\"]",
            "x.y.Z",
        ] {
            assert!(is_annotation(source), "{source}");
        }
        for source in [
            "__import__('os').system('id')",
            "os.system('id')",
            "[f() for f in fs]",
            "x[0]()",
            "(lambda: 1)()",
            "''.join(x)",
            "eval",
            "().__class__.__base__",
        ] {
            assert!(!is_annotation(source), "{source}");
        }
    }
}
