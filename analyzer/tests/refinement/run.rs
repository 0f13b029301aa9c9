//! What a program does when it runs: which hosts each sink connects to, over many runs in which
//! `x()` decides and fails as it likes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::program::{ELSEWHERE, Expr, Home, Name, Program, Sink, Stmt, bound};

/// The hosts, by number, that each sink has connected to.
pub(crate) type Connections = BTreeMap<Sink, BTreeSet<usize>>;

/// Steps after which a run is given up.
const FUEL: u32 = 400;

#[derive(Clone, Debug)]
enum Value {
    None,
    Host(usize),
    Connection(Rc<Cell<usize>>),
    List(Rc<RefCell<Vec<usize>>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
    Return,
    Raise,
    /// Out of fuel: nothing more happens, not even `finally`.
    Stop,
}

type Slots = [Option<Value>; 5];

struct Run<'p> {
    program: &'p Program,
    /// A random number generator (xorshift64*).
    chance: u64,
    fuel: u32,
    outer: Slots,
    /// The innermost call: its own names, and which of all names are its own.
    frames: Vec<(Slots, [bool; 5])>,
    connections: Connections,
}

/// Run a program many times.
pub(crate) fn connections(program: &Program, seed: u64, runs: u32) -> Connections {
    let mut run = Run {
        program,
        chance: seed | 1,
        fuel: 0,
        outer: Slots::default(),
        frames: Vec::new(),
        connections: Connections::new(),
    };
    for _ in 0..runs {
        run.fuel = FUEL;
        run.frames.clear();
        run.outer = match program.home {
            Home::Function => [const { Some(Value::None) }; 5],
            Home::Module | Home::Object => Slots::default(),
        };
        run.outer[Name::P as usize] = None;
        // In a method `P` is a name of its own, and everything else is on `self`.
        run.block(&program.main, false);
    }
    run.connections
}

impl Run<'_> {
    fn below(&mut self, n: u64) -> u64 {
        self.chance ^= self.chance >> 12;
        self.chance ^= self.chance << 25;
        self.chance ^= self.chance >> 27;
        (self.chance.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn slot(&mut self, name: Name) -> &mut Option<Value> {
        match self.frames.last_mut() {
            Some((slots, own)) if own[name as usize] => &mut slots[name as usize],
            _ => &mut self.outer[name as usize],
        }
    }

    fn host(&mut self, expression: &Expr) -> Option<Value> {
        match expression {
            Expr::Host(host) => Some(Value::Host(*host)),
            Expr::Name(name) => self.slot(*name).clone(),
            Expr::Unknown => (self.below(6) > 0).then_some(Value::Host(ELSEWHERE)),
            Expr::Choice(a, b) => {
                let chosen = if self.flip() { a } else { b };
                self.host(chosen)
            }
            Expr::Or(a, b) => match self.host(a)? {
                Value::None => self.host(b),
                // What comes from elsewhere may be empty.
                Value::Host(ELSEWHERE) if matches!(**a, Expr::Unknown) && self.flip() => {
                    self.host(b)
                }
                value => Some(value),
            },
            Expr::Walrus(name, a) => {
                let value = self.host(a)?;
                if self.program.home != Home::Object || *name == Name::P {
                    *self.slot(*name) = Some(value.clone());
                }
                Some(value)
            }
            Expr::First => match self.slot(Name::L) {
                Some(Value::List(list)) => list.borrow().first().map(|host| Value::Host(*host)),
                _ => None,
            },
        }
    }

    /// A number for what a host expression gives; an object where a host should be fails.
    fn number(&mut self, expression: &Expr) -> Option<usize> {
        match self.host(expression)? {
            Value::Host(host) => Some(host),
            _ => None,
        }
    }

    fn block(&mut self, body: &[Stmt], in_loop: bool) -> Flow {
        for statement in body {
            if self.fuel == 0 {
                return Flow::Stop;
            }
            self.fuel -= 1;
            let flow = self.statement(statement, in_loop);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn statement(&mut self, statement: &Stmt, in_loop: bool) -> Flow {
        match statement {
            Stmt::If(body, orelse) => {
                let chosen = if self.flip() { body } else { orelse };
                self.block(chosen, in_loop)
            }
            Stmt::While(body, orelse) => {
                while self.flip() {
                    match self.block(body, true) {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => return Flow::Next,
                        flow => return flow,
                    }
                    if self.fuel == 0 {
                        return Flow::Stop;
                    }
                }
                self.block(orelse, in_loop)
            }
            Stmt::For(name, items, body, orelse) => {
                let mut values = Vec::new();
                for item in items {
                    let Some(value) = self.host(item) else { return Flow::Raise };
                    values.push(value);
                }
                for value in values {
                    *self.slot(*name) = Some(value);
                    match self.block(body, true) {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => return Flow::Next,
                        flow => return flow,
                    }
                }
                self.block(orelse, in_loop)
            }
            Stmt::ForList(name, body) => {
                let Some(Value::List(list)) = self.slot(Name::L).clone() else {
                    return Flow::Raise;
                };
                let mut at = 0;
                loop {
                    let Some(host) = list.borrow().get(at).copied() else { return Flow::Next };
                    at += 1;
                    *self.slot(*name) = Some(Value::Host(host));
                    match self.block(body, true) {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => return Flow::Next,
                        flow => return flow,
                    }
                    if self.fuel == 0 {
                        return Flow::Stop;
                    }
                }
            }
            Stmt::Try { body, handler, orelse, last } => {
                let mut flow = self.block(body, in_loop);
                if flow == Flow::Raise {
                    flow = self.block(handler, in_loop);
                } else if flow == Flow::Next {
                    flow = self.block(orelse, in_loop);
                }
                if flow == Flow::Stop {
                    return flow;
                }
                match self.block(last, in_loop) {
                    Flow::Next => flow,
                    other => other,
                }
            }
            Stmt::With(body) => match self.block(body, in_loop) {
                Flow::Raise => Flow::Next,
                flow => flow,
            },
            Stmt::MayFail => {
                if self.flip() {
                    Flow::Raise
                } else {
                    Flow::Next
                }
            }
            Stmt::Raise => Flow::Raise,
            Stmt::Break if in_loop => Flow::Break,
            Stmt::Continue if in_loop => Flow::Continue,
            Stmt::Break | Stmt::Continue => Flow::Next,
            Stmt::Return if self.frames.is_empty() => Flow::Raise,
            Stmt::Return => Flow::Return,
            simple => match self.simple(simple) {
                Some(()) => Flow::Next,
                None if self.fuel == 0 => Flow::Stop,
                None => Flow::Raise,
            },
        }
    }

    /// A statement that only fails or does not.
    fn simple(&mut self, statement: &Stmt) -> Option<()> {
        match statement {
            Stmt::Assign(name, e) => {
                let value = self.host(e)?;
                *self.slot(*name) = Some(value);
            }
            Stmt::Longer(name) => match self.slot(*name) {
                Some(Value::Host(host)) => *host = ELSEWHERE,
                _ => return None,
            },
            Stmt::Delete(name) => {
                self.slot(*name).take()?;
            }
            Stmt::Connection(e) => {
                let host = self.number(e)?;
                *self.slot(Name::C) = Some(Value::Connection(Rc::new(Cell::new(host))));
            }
            Stmt::Redirect(e) => {
                let host = self.number(e)?;
                let Some(Value::Connection(connection)) = self.slot(Name::C) else { return None };
                connection.set(host);
            }
            Stmt::List(e) => {
                let host = self.number(e)?;
                *self.slot(Name::L) = Some(Value::List(Rc::new(RefCell::new(vec![host]))));
            }
            Stmt::Append(e) => {
                let Some(Value::List(list)) = self.slot(Name::L).clone() else { return None };
                let host = self.number(e)?;
                list.borrow_mut().push(host);
            }
            Stmt::Replace(e) => {
                let host = self.number(e)?;
                let Some(Value::List(list)) = self.slot(Name::L).clone() else { return None };
                *list.borrow_mut().first_mut()? = host;
            }
            Stmt::Call(function, argument) => return self.call(*function, argument.as_ref()),
            Stmt::Connect(name, _, sink) => {
                let host = self.number(&Expr::Name(*name))?;
                self.connect(*sink, host);
            }
            Stmt::Request(sink) => {
                let Some(Value::Connection(connection)) = self.slot(Name::C) else { return None };
                let host = connection.get();
                self.connect(*sink, host);
            }
            Stmt::ConnectFirst(sink) => {
                let host = self.number(&Expr::First)?;
                self.connect(*sink, host);
            }
            _ => {}
        }
        Some(())
    }

    fn connect(&mut self, sink: Sink, host: usize) {
        self.connections.entry(sink).or_default().insert(host);
    }

    fn call(&mut self, function: usize, argument: Option<&Expr>) -> Option<()> {
        let argument = argument.map(|e| self.host(e).ok_or(())).transpose().ok()?;
        let function = &self.program.functions[function];
        if self.frames.len() > 6 {
            self.fuel = 0;
            return None;
        }
        let mut own = [false; 5];
        if !function.outer && self.program.home != Home::Object {
            let mut names = Vec::new();
            bound(&function.body, &mut names);
            for name in names {
                own[name as usize] = true;
            }
        }
        own[Name::P as usize] = true;
        let mut slots = Slots::default();
        slots[Name::P as usize] = Some(argument.unwrap_or(Value::Host(function.default)));
        self.frames.push((slots, own));
        let flow = self.block(&function.body, false);
        self.frames.pop();
        match flow {
            Flow::Raise | Flow::Stop => None,
            Flow::Next | Flow::Return | Flow::Break | Flow::Continue => Some(()),
        }
    }
}
