//! Small Python programs in which hosts travel through names to connections, as data: made at
//! random, written as source, and run.

use std::fmt::Write as _;

use proptest::prelude::*;

/// The hosts of the programs. The first two are allowed.
pub(crate) const HOSTS: [&str; 3] = ["ok.example", "fine.example", "no.example"];
/// What `x()` gives: of all it may be, what is denied.
pub(crate) const ELSEWHERE: usize = 2;

/// A name of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A host.
    A,
    /// Another.
    B,
    /// The parameter of `f` and `g`, with a default: a host.
    P,
    /// A connection.
    C,
    /// A list of hosts.
    L,
}

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Host(usize),
    Name(Name),
    /// `x()`
    Unknown,
    /// `a if x() else b`
    Choice(Box<Expr>, Box<Expr>),
    /// `a or b`
    Or(Box<Expr>, Box<Expr>),
    /// `(name := a)`
    Walrus(Name, Box<Expr>),
    /// `L[0]`
    First,
}

/// A line that connects, by its number among them.
pub(crate) type Sink = usize;

#[derive(Clone, Debug)]
pub(crate) enum Stmt {
    Assign(Name, Expr),
    /// `name += ".no.example"`
    Longer(Name),
    Delete(Name),
    /// `C = HTTPConnection(host)`
    Connection(Expr),
    /// `C.host = host`
    Redirect(Expr),
    /// `L = [host]`
    List(Expr),
    Append(Expr),
    /// `L[0] = host`
    Replace(Expr),
    If(Vec<Stmt>, Vec<Stmt>),
    While(Vec<Stmt>, Vec<Stmt>),
    /// `for name in (a, b)`
    For(Name, Vec<Expr>, Vec<Stmt>, Vec<Stmt>),
    /// `for name in L`
    ForList(Name, Vec<Stmt>),
    Try {
        body: Vec<Stmt>,
        handler: Vec<Stmt>,
        orelse: Vec<Stmt>,
        last: Vec<Stmt>,
    },
    /// `with contextlib.suppress(Exception)`
    With(Vec<Stmt>),
    /// `x()`, which may fail.
    MayFail,
    Raise,
    Break,
    Continue,
    Return,
    /// `f()` or `g()`, with a host or without.
    Call(usize, Option<Expr>),
    /// A connection to what a name holds, written in one of three ways.
    Connect(Name, u8, Sink),
    /// `C.request("GET", "/")`
    Request(Sink),
    /// `create_connection((L[0], 80))`
    ConnectFirst(Sink),
}

/// Where the names live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the module.
    Module,
    /// In a function around all.
    Function,
    /// On `self`.
    Object,
}

#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// Whether it says `global` or `nonlocal`.
    pub outer: bool,
    pub default: usize,
    pub body: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub home: Home,
    pub functions: [Function; 2],
    pub main: Vec<Stmt>,
}

fn host_name() -> impl Strategy<Value = Name> {
    prop_oneof![3 => Just(Name::A), 1 => Just(Name::B), 1 => Just(Name::P)]
}

fn expression() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        8 => (0..HOSTS.len()).prop_map(Expr::Host),
        2 => host_name().prop_map(Expr::Name),
        1 => Just(Expr::Unknown),
        1 => Just(Expr::First),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let pair = (inner.clone(), inner.clone()).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Expr::Choice(a, b)),
            pair.prop_map(|(a, b)| Expr::Or(a, b)),
            (host_name(), inner).prop_map(|(name, a)| Expr::Walrus(name, Box::new(a))),
        ]
    })
}

fn statement() -> impl Strategy<Value = Stmt> {
    let leaf = prop_oneof![
        8 => (host_name(), expression()).prop_map(|(name, e)| Stmt::Assign(name, e)),
        1 => host_name().prop_map(Stmt::Longer),
        1 => host_name().prop_map(Stmt::Delete),
        2 => expression().prop_map(Stmt::Connection),
        1 => expression().prop_map(Stmt::Redirect),
        1 => expression().prop_map(Stmt::List),
        1 => expression().prop_map(Stmt::Append),
        1 => expression().prop_map(Stmt::Replace),
        2 => Just(Stmt::MayFail),
        1 => Just(Stmt::Raise),
        2 => Just(Stmt::Break),
        1 => Just(Stmt::Continue),
        1 => Just(Stmt::Return),
        3 => (0..2_usize, proptest::option::of(expression())).prop_map(|(f, e)| Stmt::Call(f, e)),
        8 => (host_name(), 0..3_u8).prop_map(|(name, way)| Stmt::Connect(name, way, 0)),
        2 => Just(Stmt::Request(0)),
        1 => Just(Stmt::ConnectFirst(0)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let block = proptest::collection::vec(inner, 0..4).boxed();
        let pair = (block.clone(), block.clone());
        prop_oneof![
            3 => pair.clone().prop_map(|(a, b)| Stmt::If(a, b)),
            2 => pair.clone().prop_map(|(a, b)| Stmt::While(a, b)),
            2 => (host_name(), proptest::collection::vec(expression(), 1..3), pair.clone())
                .prop_map(|(name, items, (a, b))| Stmt::For(name, items, a, b)),
            1 => (host_name(), block.clone()).prop_map(|(name, a)| Stmt::ForList(name, a)),
            3 => (pair.clone(), pair).prop_map(|((body, handler), (orelse, last))| Stmt::Try {
                body,
                handler,
                orelse,
                last
            }),
            2 => block.prop_map(Stmt::With),
        ]
    })
}

fn function() -> impl Strategy<Value = Function> {
    let body = proptest::collection::vec(statement(), 1..5);
    (any::<bool>(), 0..HOSTS.len(), body).prop_map(|(outer, default, body)| Function {
        outer,
        default,
        body,
    })
}

/// A program, its sinks numbered.
pub(crate) fn program() -> impl Strategy<Value = Program> {
    let home = prop_oneof![Just(Home::Module), Just(Home::Function), Just(Home::Object)];
    let main = proptest::collection::vec(statement(), 1..7);
    (home, function(), function(), main).prop_map(|(home, f, g, main)| {
        let mut program = Program { home, functions: [f, g], main };
        let mut next = 0;
        let Program { functions: [f, g], main, .. } = &mut program;
        for body in [&mut f.body, &mut g.body, main] {
            number(body, &mut next);
        }
        program
    })
}

fn number(body: &mut [Stmt], next: &mut Sink) {
    for statement in body {
        match statement {
            Stmt::Connect(_, _, sink) | Stmt::Request(sink) | Stmt::ConnectFirst(sink) => {
                *sink = *next;
                *next += 1;
            }
            Stmt::If(a, b) | Stmt::While(a, b) | Stmt::For(_, _, a, b) => {
                number(a, next);
                number(b, next);
            }
            Stmt::ForList(_, a) | Stmt::With(a) => number(a, next),
            Stmt::Try { body, handler, orelse, last } => {
                for block in [body, handler, orelse, last] {
                    number(block, next);
                }
            }
            _ => {}
        }
    }
}

/// The names a body binds, those of a walrus among them.
pub(crate) fn bound(body: &[Stmt], names: &mut Vec<Name>) {
    for statement in body {
        match statement {
            Stmt::Assign(name, e) => {
                names.push(*name);
                walrus(e, names);
            }
            Stmt::Longer(name) | Stmt::Delete(name) => names.push(*name),
            Stmt::Connection(e) => {
                names.push(Name::C);
                walrus(e, names);
            }
            Stmt::List(e) => {
                names.push(Name::L);
                walrus(e, names);
            }
            Stmt::Redirect(e) | Stmt::Append(e) | Stmt::Replace(e) | Stmt::Call(_, Some(e)) => {
                walrus(e, names);
            }
            Stmt::If(a, b) | Stmt::While(a, b) => {
                bound(a, names);
                bound(b, names);
            }
            Stmt::For(name, items, a, b) => {
                names.push(*name);
                for item in items {
                    walrus(item, names);
                }
                bound(a, names);
                bound(b, names);
            }
            Stmt::ForList(name, a) => {
                names.push(*name);
                bound(a, names);
            }
            Stmt::With(a) => bound(a, names),
            Stmt::Try { body, handler, orelse, last } => {
                for block in [body, handler, orelse, last] {
                    bound(block, names);
                }
            }
            _ => {}
        }
    }
}

fn walrus(expression: &Expr, names: &mut Vec<Name>) {
    match expression {
        Expr::Walrus(name, inner) => {
            names.push(*name);
            walrus(inner, names);
        }
        Expr::Choice(a, b) | Expr::Or(a, b) => {
            walrus(a, names);
            walrus(b, names);
        }
        Expr::Host(_) | Expr::Name(_) | Expr::Unknown | Expr::First => {}
    }
}

/// The source, and the row of each sink from 1.
pub(crate) struct Written {
    pub source: String,
    pub rows: Vec<u32>,
    home: Home,
    in_function: bool,
    row: u32,
}

impl Written {
    pub(crate) fn of(program: &Program) -> Self {
        let mut written = Self {
            source: String::new(),
            rows: Vec::new(),
            home: program.home,
            in_function: false,
            row: 0,
        };
        written.program(program);
        written
    }

    fn program(&mut self, program: &Program) {
        for module in ["contextlib", "http.client", "socket", "urllib.request"] {
            self.line(0, &format!("import {module}"));
        }
        self.line(0, "from elsewhere import x");
        let (depth, keyword, receiver) = match self.home {
            Home::Module => (0, Some("global"), ""),
            Home::Function => {
                self.line(0, "def main():");
                // Without a binding, `nonlocal` would be no syntax.
                self.line(1, "A = B = C = L = None");
                (1, Some("nonlocal"), "")
            }
            Home::Object => {
                self.line(0, "class Main:");
                (1, None, "self, ")
            }
        };
        self.in_function = true;
        for (name, function) in ["f", "g"].into_iter().zip(&program.functions) {
            let default = HOSTS[function.default];
            self.line(depth, &format!("def {name}({receiver}P=\"{default}\"):"));
            if let Some(keyword) = keyword.filter(|_| function.outer) {
                self.line(depth + 1, &format!("{keyword} A, B, C, L"));
            }
            self.block(depth + 1, &function.body, false);
        }
        self.in_function = false;
        match self.home {
            Home::Module => self.statements(0, &program.main, false),
            Home::Function => {
                self.block(1, &program.main, false);
                self.line(0, "main()");
            }
            Home::Object => {
                self.line(1, "def main(self):");
                self.block(2, &program.main, false);
                self.line(0, "Main().main()");
            }
        }
    }

    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.source, "{}{text}", "    ".repeat(depth));
        self.row += 1;
    }

    fn block(&mut self, depth: usize, body: &[Stmt], in_loop: bool) {
        self.line(depth, "pass");
        self.statements(depth, body, in_loop);
    }

    fn statements(&mut self, depth: usize, body: &[Stmt], in_loop: bool) {
        for statement in body {
            self.statement(depth, statement, in_loop);
        }
    }

    fn name(&self, name: Name) -> String {
        match (self.home, name) {
            (Home::Object, Name::P) | (Home::Module | Home::Function, _) => format!("{name:?}"),
            (Home::Object, _) => format!("self.{name:?}"),
        }
    }

    fn expression(&self, expression: &Expr) -> String {
        match expression {
            Expr::Host(host) => format!("\"{}\"", HOSTS[*host]),
            Expr::Name(name) => self.name(*name),
            Expr::Unknown => "x()".to_owned(),
            Expr::Choice(a, b) => {
                format!("({} if x() else {})", self.expression(a), self.expression(b))
            }
            Expr::Or(a, b) => format!("({} or {})", self.expression(a), self.expression(b)),
            // An attribute is no target of a walrus.
            Expr::Walrus(name, a) if self.home == Home::Object && *name != Name::P => {
                self.expression(a)
            }
            Expr::Walrus(name, a) => format!("({} := {})", self.name(*name), self.expression(a)),
            Expr::First => format!("{}[0]", self.name(Name::L)),
        }
    }

    fn sink(&mut self, depth: usize, sink: Sink, text: &str) {
        self.line(depth, text);
        if self.rows.len() <= sink {
            self.rows.resize(sink + 1, 0);
        }
        self.rows[sink] = self.row;
    }

    fn statement(&mut self, depth: usize, statement: &Stmt, in_loop: bool) {
        let (connection, list) = (self.name(Name::C), self.name(Name::L));
        match statement {
            Stmt::Assign(name, e) => {
                let text = format!("{} = {}", self.name(*name), self.expression(e));
                self.line(depth, &text);
            }
            Stmt::Longer(name) => {
                self.line(depth, &format!("{} += \".no.example\"", self.name(*name)));
            }
            Stmt::Delete(name) => self.line(depth, &format!("del {}", self.name(*name))),
            Stmt::Connection(e) => {
                let made = format!("http.client.HTTPConnection({})", self.expression(e));
                self.line(depth, &format!("{connection} = {made}"));
            }
            Stmt::Redirect(e) => {
                self.line(depth, &format!("{connection}.host = {}", self.expression(e)));
            }
            Stmt::List(e) => self.line(depth, &format!("{list} = [{}]", self.expression(e))),
            Stmt::Append(e) => {
                self.line(depth, &format!("{list}.append({})", self.expression(e)));
            }
            Stmt::Replace(e) => self.line(depth, &format!("{list}[0] = {}", self.expression(e))),
            Stmt::If(body, orelse) => {
                self.line(depth, "if x():");
                self.block(depth + 1, body, in_loop);
                self.line(depth, "else:");
                self.block(depth + 1, orelse, in_loop);
            }
            Stmt::While(body, orelse) => {
                self.line(depth, "while x():");
                self.block(depth + 1, body, true);
                self.line(depth, "else:");
                self.block(depth + 1, orelse, in_loop);
            }
            Stmt::For(name, items, body, orelse) => {
                let items: String = items.iter().map(|e| self.expression(e) + ", ").collect();
                self.line(depth, &format!("for {} in ({items}):", self.name(*name)));
                self.block(depth + 1, body, true);
                self.line(depth, "else:");
                self.block(depth + 1, orelse, in_loop);
            }
            Stmt::ForList(name, body) => {
                self.line(depth, &format!("for {} in {list}:", self.name(*name)));
                self.block(depth + 1, body, true);
            }
            Stmt::Try { body, handler, orelse, last } => {
                self.line(depth, "try:");
                self.block(depth + 1, body, in_loop);
                self.line(depth, "except Exception:");
                self.block(depth + 1, handler, in_loop);
                self.line(depth, "else:");
                self.block(depth + 1, orelse, in_loop);
                self.line(depth, "finally:");
                self.block(depth + 1, last, in_loop);
            }
            Stmt::With(body) => {
                self.line(depth, "with contextlib.suppress(Exception):");
                self.block(depth + 1, body, in_loop);
            }
            Stmt::MayFail => self.line(depth, "x()"),
            Stmt::Raise => self.line(depth, "raise ValueError"),
            Stmt::Break => self.line(depth, if in_loop { "break" } else { "pass" }),
            Stmt::Continue => self.line(depth, if in_loop { "continue" } else { "pass" }),
            Stmt::Return => {
                self.line(depth, if self.in_function { "return" } else { "raise ValueError" });
            }
            Stmt::Call(function, argument) => {
                let receiver = if self.home == Home::Object { "self." } else { "" };
                let argument = argument.as_ref().map(|e| self.expression(e)).unwrap_or_default();
                self.line(depth, &format!("{receiver}{}({argument})", ["f", "g"][*function]));
            }
            Stmt::Connect(name, way, sink) => {
                let host = self.name(*name);
                let text = match way {
                    0 => format!("socket.create_connection(({host}, 80))"),
                    1 => format!("http.client.HTTPConnection({host}).request(\"GET\", \"/\")"),
                    _ => format!("urllib.request.urlopen(f\"https://{{{host}}}/x\")"),
                };
                self.sink(depth, *sink, &text);
            }
            Stmt::Request(sink) => {
                self.sink(depth, *sink, &format!("{connection}.request(\"GET\", \"/\")"));
            }
            Stmt::ConnectFirst(sink) => {
                self.sink(depth, *sink, &format!("socket.create_connection(({list}[0], 80))"));
            }
        }
    }
}
