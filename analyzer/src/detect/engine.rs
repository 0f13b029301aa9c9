//! The state of one pass over one file.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::resolve::budget;
use crate::resolve::names::NameTable;
use crate::resolve::origin::{self, Origin};
use crate::resolve::scope::{Binding, ScopeId, ScopeKind, Scopes};
use crate::resolve::value::{ClassId, FunctionId, Value};
use crate::source::Source;
use crate::summary::links::{Install, Owner};
use crate::summary::{FileSummary, Keep, Range};
use crate::syntax::{Parsed, Ranged, TextRange, ast};

use super::exits::{Escaped, Exits};
use super::links::{Linked, Linking, LinksMark};
use super::literals::LiteralIndex;
use super::mentions::Probe;
use super::outer_writes::{AttributeWrites, Volatile, sets_up};

/// Find every act of a parsed file. A pure function of the text and of the names looked for.
pub(crate) fn summarise<'a>(
    parsed: &'a Parsed,
    source: &'a Source,
    names: &'a NameTable,
    linking: Linking<'a>,
) -> FileSummary {
    budget::begin(source.text().len());
    origin::begin();
    let mut engine = Engine::new(source.text(), names);
    engine.begin_links(linking);
    for magic in source.cell_magics() {
        let (start, length) = (magic.offset, u32::try_from(magic.name.len() + 2));
        engine.cell_magic(&magic.name, Range { start, end: start + length.unwrap_or_default() });
    }
    engine.run(parsed);
    engine.found.exhausted = !budget::end();
    engine.found.sort();
    engine.found.late = engine.late_installs(&linking);
    engine.found.links = engine.finish_links(source);
    engine.found
}

/// Where the findings stood.
#[derive(Clone, Copy, Debug)]
pub(super) struct FindingsMark {
    acts: usize,
    captures: usize,
    imports: usize,
    links: LinksMark,
    deferred: [usize; 3],
}

/// Chains of functions each of which needs the next are followed this far.
const DEEPEST_SETTLING: u8 = 6;

/// How the value of an expression is used by what stands around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Tested, compared, iterated over or thrown away.
    Looked,
    /// Called.
    Callee,
    /// The base of an attribute or subscript.
    Base,
    /// Passed to a call.
    Argument,
    /// Passed to a call of something unknown as all it is given: `wrap(os.remove)`.
    OnlyArgument,
    /// An item of something that is passed, returned or kept for a while.
    Contained,
    /// Assigned to a name only this function knows.
    Assigned,
    /// Returned or yielded.
    Returned,
    /// Taken and kept.
    Kept(Keep),
}

/// A class of this file.
#[derive(Debug)]
pub(super) struct OwnClass<'a> {
    pub(super) name: &'a str,
    /// The function and the class it is defined in.
    pub(super) outer: (Owner, Option<ClassId>),
    pub(super) at: TextRange,
    /// Where it is from, if it stands for a class of another file.
    pub(super) foreign: Option<Origin>,
    pub(super) bases: Vec<Value<'a>>,
    pub(super) scope: ScopeId,
    /// Attributes set on `self` anywhere in its methods.
    pub(super) attributes: FxHashMap<&'a str, Value<'a>>,
    /// The methods that set up a new object.
    pub(super) setup: Vec<&'a ast::StmtFunctionDef>,
    /// Whether those have been looked at, in earnest or ahead of it.
    pub(super) settled: bool,
}

/// A function of this file.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct OwnFunction<'a> {
    pub(super) name: &'a str,
    /// The function it is defined in, and the class it is a method of.
    pub(super) outer: (Owner, Option<ClassId>),
    pub(super) at: TextRange,
    pub(super) parameters: Option<&'a ast::Parameters>,
    /// Whether it calls what is passed to it.
    pub(super) calls_parameter: bool,
    /// The edges of calls that it hands that on to.
    pub(super) hands_on: Vec<u32>,
    /// Whether it returns what is passed to it.
    pub(super) gives_back: bool,
    /// Whether its body has been looked at in earnest.
    pub(super) looked_at: bool,
    /// What its decorators make of it.
    pub(super) decorated: Vec<Value<'a>>,
    /// What calling it gives, as far as is known: its annotation says, or the returns seen so far.
    pub(super) returned: Option<Value<'a>>,
    pub(super) annotated: bool,
    /// Whether that is a class another file may know.
    pub(super) promised: bool,
    /// Reading it as an attribute calls it.
    pub(super) property: bool,
    /// Its body, until it has been looked at.
    waiting: Option<Deferred<'a>>,
    /// Whether it has had its turn, before those that stood in front of it.
    done: bool,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The statements of the module.
    Statements,
    /// Functions that set what others use.
    Setters,
    /// All other functions.
    Others,
    /// A body that will have a turn of its own.
    Aside,
}

/// A body to look at once the block around it is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deferred<'a> {
    body: Body<'a>,
    parent: ScopeId,
    class: Option<ClassId>,
    function: Option<FunctionId>,
    quiet: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    Function(&'a ast::StmtFunctionDef),
    Lambda(&'a ast::ExprLambda),
}

pub(super) struct Engine<'a> {
    pub(super) names: &'a NameTable,
    pub(super) text: &'a str,
    /// What other files may know more of, where that was asked for.
    pub(super) linked: Option<Linked<'a>>,
    /// Where guards are installed.
    pub(super) installs: Vec<Install>,
    /// The function whose statements run; a lambda is one too.
    pub(super) owner: Owner,
    pub(super) scopes: Scopes<'a>,
    pub(super) scope: ScopeId,
    pub(super) class: Option<ClassId>,
    pub(super) classes: Vec<OwnClass<'a>>,
    /// The function whose body is looked at.
    pub(super) function: Option<FunctionId>,
    pub(super) functions: Vec<OwnFunction<'a>>,
    pub(super) found: FileSummary,
    /// Above zero, nothing found counts: type-checking blocks and annotations.
    pub(super) quiet: u32,
    /// Names somebody changes from outside of their own block.
    pub(super) volatile: Volatile<'a>,
    /// Branches that left the block they are in, for what they leave it to.
    pub(super) escaped: Vec<Escaped<'a>>,
    /// Names that were read in a loop where its block had not bound them.
    pub(super) unbound_here: Vec<&'a str>,
    /// How control has left a block since somebody last asked.
    pub(super) exits: Exits,
    /// Bytes of loop and function bodies that may still be looked at once more.
    pub(super) patience: usize,
    /// Whether an expression is looked at for its value once more: what is in it was told.
    pub(super) again: bool,
    /// How many bodies are looked at before their turn, one for the sake of the other.
    settling: u8,
    turn: Turn,
    /// Whether `a.b = ...` has been seen for any `a`.
    pub(super) has_places: bool,
    pub(super) literals: Option<&'static LiteralIndex>,
    pub(super) probe: Option<Probe>,
    pub(super) bodies: Vec<&'a [ast::Stmt]>,
    /// How often each attribute is assigned to, once asked; `None` inside where that is not known.
    pub(super) attribute_writes: Option<AttributeWrites<'a>>,
    /// Whether objects are led elsewhere once they are made, once somebody has asked.
    pub(super) redirects: Option<bool>,
    /// Bodies to look at, those first that set what others use.
    deferred: [VecDeque<Deferred<'a>>; 3],
}

impl<'a> Engine<'a> {
    pub(super) fn new(text: &'a str, names: &'a NameTable) -> Self {
        Self {
            names,
            text,
            linked: None,
            installs: Vec::new(),
            owner: Owner::MODULE,
            scopes: Scopes::new(),
            scope: Scopes::MODULE,
            class: None,
            classes: Vec::new(),
            function: None,
            functions: Vec::new(),
            found: FileSummary::default(),
            quiet: 0,
            volatile: Volatile::default(),
            escaped: Vec::new(),
            unbound_here: Vec::new(),
            exits: Exits::default(),
            patience: text.len() * 4 + 65_536,
            again: false,
            settling: 0,
            turn: Turn::Statements,
            has_places: false,
            literals: LiteralIndex::for_text(text),
            probe: None,
            bodies: Vec::new(),
            attribute_writes: None,
            redirects: None,
            deferred: Default::default(),
        }
    }

    /// Look at everything in the file.
    pub(super) fn run(&mut self, parsed: &'a Parsed) {
        self.bodies = parsed.bodies().collect();
        self.note_outer_writes();
        for body in parsed.bodies() {
            self.block(body);
        }
        self.run_deferred();
    }

    /// Look at a body once the block around it is done.
    pub(super) fn defer(
        &mut self,
        body: Body<'a>,
        class: Option<ClassId>,
        function: Option<FunctionId>,
    ) {
        let turn = match body {
            Body::Function(function) if class.is_some() && sets_up(function) => 0,
            Body::Function(function) => 2 - usize::from(self.writes_outside(function, class)),
            Body::Lambda(_) => 2,
        };
        let deferred = Deferred { body, parent: self.scope, class, function, quiet: self.quiet };
        self.scopes.show(Some(self.scope));
        if let Some(function) = function.and_then(|id| self.functions.get_mut(id.0 as usize)) {
            function.waiting = Some(deferred);
            function.parameters = match body {
                Body::Function(function) => Some(&function.parameters),
                Body::Lambda(lambda) => lambda.parameters.as_deref(),
            };
        }
        if let Some(queue) = self.deferred.get_mut(turn) {
            queue.push_back(deferred);
        }
    }

    /// A new function of this file, bound by the caller.
    pub(super) fn add_function(
        &mut self,
        (name, at): (&'a str, TextRange),
        class: Option<ClassId>,
        returned: Option<Value<'a>>,
        property: bool,
    ) -> FunctionId {
        let id = FunctionId(u32::try_from(self.functions.len()).unwrap_or(u32::MAX));
        let promised = returned.is_some();
        // What a class of another file is may be less than what is returned.
        let annotated = returned.as_ref().is_some_and(|value| !value.is_unknown());
        self.functions.push(OwnFunction {
            name,
            outer: (self.owner, class),
            at,
            parameters: None,
            calls_parameter: false,
            hands_on: Vec::new(),
            gives_back: false,
            looked_at: false,
            decorated: Vec::new(),
            returned,
            annotated,
            promised,
            property,
            waiting: None,
            done: false,
        });
        id
    }

    /// What calling a function of this file gives.
    pub(super) fn returned(&self, function: Option<FunctionId>) -> Value<'a> {
        let function = function.and_then(|id| self.functions.get(id.0 as usize));
        function.and_then(|function| function.returned.clone()).unwrap_or_default()
    }

    fn run_deferred(&mut self) {
        while !budget::is_spent() {
            // There may be more of them inside of those.
            while self.run_setters() {}
            let Some(deferred) = self.deferred.iter_mut().find_map(VecDeque::pop_front) else {
                return;
            };
            let own = deferred.function.and_then(|id| self.functions.get(id.0 as usize));
            if !own.is_some_and(|function| function.done) {
                self.run_body(deferred);
            }
        }
    }

    /// Look at the functions that set what others use, or they themselves further up: once more
    /// where something was set that others might have seen. Whether there were any.
    fn run_setters(&mut self) -> bool {
        let [first, second, _] = &mut self.deferred;
        let setters: Vec<_> = first.drain(..).chain(second.drain(..)).collect();
        if setters.is_empty() {
            self.turn = Turn::Others;
            return false;
        }
        let findings = self.findings_mark();
        self.scopes.news = false;
        self.turn = Turn::Setters;
        self.run_each(&setters);
        if self.scopes.news {
            self.forget_findings(findings);
            self.run_each(&setters);
        }
        true
    }

    fn run_each(&mut self, bodies: &[Deferred<'a>]) {
        for deferred in bodies {
            if budget::is_spent() {
                return;
            }
            self.run_body(*deferred);
        }
    }

    fn run_body(&mut self, deferred: Deferred<'a>) {
        let own = deferred.function.and_then(|id| self.functions.get_mut(id.0 as usize));
        // Its returns are noted once.
        let notes_returns = own.is_some_and(|function| function.waiting.take().is_some());
        let scope = self.scopes.push(ScopeKind::Function, Some(deferred.parent));
        self.scope = scope;
        self.class = deferred.class;
        self.function = deferred.function.filter(|_| notes_returns);
        if let Some(id) = deferred.function {
            self.owner = Owner::function(id.0);
            if deferred.quiet == 0
                && let Some(function) = self.functions.get_mut(id.0 as usize)
            {
                function.looked_at = true;
            }
        }
        self.quiet = deferred.quiet;
        self.escaped.clear();
        match deferred.body {
            Body::Function(function) => {
                self.bind_parameters(&function.parameters, Some(function));
                self.block(&function.body);
            }
            Body::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.bind_parameters(parameters, None);
                }
                self.expression(&lambda.body, Use::Returned);
            }
        }
        self.scopes.leave(scope);
    }

    /// Learn what `__init__` and its like set, for a use that comes before their turn: what they
    /// do themselves is told when it is their turn.
    pub(super) fn settle_class(&mut self, id: ClassId) {
        let deepest = self.settling >= DEEPEST_SETTLING;
        let Some(class) = self.classes.get_mut(id.0 as usize).filter(|_| !deepest) else { return };
        if std::mem::replace(&mut class.settled, true) {
            return;
        }
        let (setup, parent) = (class.setup.clone(), class.scope);
        let bodies = setup.into_iter().map(|function| {
            let body = Body::Function(function);
            Deferred { body, parent, class: Some(id), function: None, quiet: 0 }
        });
        self.run_aside(bodies.collect());
    }

    /// Learn what a function of this file returns, for a call that comes before its turn.
    pub(super) fn settle_function(&mut self, id: FunctionId) {
        let function = self.functions.get(id.0 as usize).filter(|function| !function.annotated);
        let Some(waiting) = function.and_then(|function| function.waiting) else { return };
        let Body::Function(body) = waiting.body else { return };
        if self.settling >= DEEPEST_SETTLING {
            return;
        }
        // Where all that others set is known, its turn may as well be now. What is looked at again
        // is not: it would be told twice, or forgotten.
        let [first, second, _] = &self.deferred;
        let all_set = self.turn == Turn::Others && first.is_empty() && second.is_empty();
        if all_set && !self.again && self.scopes.loops == 0 {
            if let Some(function) = self.functions.get_mut(id.0 as usize) {
                function.done = true;
            }
            self.run_early(waiting);
            return;
        }
        let length = body.range.len().to_usize();
        if self.patience >= length {
            self.patience -= length;
            self.run_aside(vec![waiting]);
        }
    }

    /// Learn what functions set in the names of this block, for a use that comes before them.
    pub(super) fn settle_functions(&mut self, block: ScopeId) {
        let waiting = self.deferred.iter().take(2).flatten();
        let near: Vec<_> = if block == Scopes::MODULE {
            waiting.copied().collect()
        } else {
            waiting.filter(|body| self.scopes.block(body.parent) == block).copied().collect()
        };
        // Every such reading runs all of them: a file of thousands must not take for ever.
        let cost = near.len() * 256;
        if cost <= self.patience && self.settling < DEEPEST_SETTLING {
            self.patience -= cost;
            self.run_aside(near);
        }
    }

    /// Look at bodies before their turn, for what they tell of others.
    fn run_aside(&mut self, bodies: Vec<Deferred<'a>>) {
        let waiting = std::mem::take(&mut self.deferred);
        let turn = std::mem::replace(&mut self.turn, Turn::Aside);
        let quiet = self.quiet;
        self.interrupted(|engine| {
            for body in bodies {
                engine.run_body(Deferred { quiet: body.quiet.max(quiet) + 1, ..body });
            }
        });
        self.turn = turn;
        self.deferred = waiting;
    }

    /// Look at a body now, instead of at its turn.
    fn run_early(&mut self, body: Deferred<'a>) {
        self.interrupted(|engine| engine.run_body(body));
    }

    /// Do something in the middle of a body, and come back to it.
    fn interrupted(&mut self, run: impl FnOnce(&mut Self)) {
        let branches = self.scopes.leave_branches();
        let escaped = std::mem::take(&mut self.escaped);
        let before = (self.scope, self.class, self.function, self.quiet, self.exits);
        let owner = self.owner;
        let loops = std::mem::take(&mut self.scopes.loops);
        let unbound_here = std::mem::take(&mut self.unbound_here);
        self.settling += 1;
        run(self);
        self.settling -= 1;
        (self.scope, self.class, self.function, self.quiet, self.exits) = before;
        self.owner = owner;
        self.scopes.loops = loops;
        self.unbound_here = unbound_here;
        self.escaped = escaped;
        self.scopes.return_to_branches(branches);
    }

    /// Where the findings stand, to look at the same statements again.
    pub(super) fn findings_mark(&self) -> FindingsMark {
        FindingsMark {
            acts: self.found.acts.len(),
            captures: self.found.captures.len(),
            imports: self.found.imports.len(),
            links: self.links_mark(),
            deferred: [0, 1, 2].map(|turn| self.deferred.get(turn).map_or(0, VecDeque::len)),
        }
    }

    /// Forget what has been found since.
    pub(super) fn forget_findings(&mut self, mark: FindingsMark) {
        self.found.acts.truncate(mark.acts);
        self.found.captures.truncate(mark.captures);
        self.found.imports.truncate(mark.imports);
        self.forget_links(mark.links);
        for (queue, length) in self.deferred.iter_mut().zip(mark.deferred) {
            queue.truncate(length);
        }
    }

    fn bind_parameters(
        &mut self,
        parameters: &'a ast::Parameters,
        function: Option<&'a ast::StmtFunctionDef>,
    ) {
        let receiver = function.and_then(|f| self.receiver(f));
        for (index, parameter) in parameters.iter_non_variadic_params().enumerate() {
            let annotated = parameter.parameter.annotation.as_deref();
            let mut value = match (index, &receiver) {
                (0, Some(receiver)) => receiver.clone(),
                _ => annotated.map_or(Value::Unknown, |a| self.annotated(a)),
            };
            if let Some(default) = &parameter.default {
                // The default was evaluated, and its capture told, where it stands.
                let again = std::mem::replace(&mut self.again, true);
                let default = self.quietly(|engine| engine.expression(default, Use::Base));
                self.again = again;
                // A caller may pass another constant, but a kept reference is one way it can go.
                let default = default.references();
                if !default.is_unknown() {
                    value = Value::either([value, default]);
                }
            }
            self.bind(parameter.parameter.name.as_str(), value);
        }
        if let Some(rest) = &parameters.vararg {
            let each = rest.annotation.as_deref().map_or(Value::Unknown, |a| self.annotated(a));
            let items = if each.is_unknown() { each } else { Value::List([each].into()) };
            self.bind(rest.name.as_str(), items);
        }
        if let Some(rest) = &parameters.kwarg {
            self.bind(rest.name.as_str(), Value::Unknown);
        }
    }

    /// What the first parameter of a method is.
    fn receiver(&self, function: &ast::StmtFunctionDef) -> Option<Value<'a>> {
        let class = self.class?;
        let decorated = |name: &str| {
            function.decorator_list.iter().any(
                |d| matches!(&d.expression, ast::Expr::Name(decorator) if decorator.id == *name),
            )
        };
        if decorated("staticmethod") {
            None
        } else if decorated("classmethod") {
            Some(Value::Class(class))
        } else {
            Some(Value::Own(class))
        }
    }

    /// Bind a plain name in the present scope.
    pub(super) fn bind(&mut self, name: &'a str, value: Value<'a>) {
        self.scopes.bind(self.scope, name, Some(Binding::from(value)));
    }

    /// Whether the present block is a function's, so that its names are nobody else's.
    pub(super) fn in_function(&self) -> bool {
        self.scopes.kind(self.scopes.block(self.scope)) == ScopeKind::Function
    }

    /// How a value is used when it is assigned to this name here.
    pub(super) fn assigned_use(&self, name: &str) -> Use {
        let block = self.scopes.block(self.scope);
        match self.scopes.kind(block) {
            ScopeKind::Class => Use::Kept(Keep::ClassAttribute),
            ScopeKind::Function if self.scopes.target(block, name) == block => Use::Assigned,
            ScopeKind::Function
            | ScopeKind::Module
            | ScopeKind::Comprehension
            | ScopeKind::TypeParameters => Use::Kept(Keep::Assignment),
        }
    }

    /// The source text of a range.
    pub(super) fn slice(&self, range: TextRange) -> &'a str {
        self.text.get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default()
    }
}

/// The byte range of a node.
pub(super) fn range_of(node: &impl Ranged) -> Range {
    bytes(node.range())
}

/// The byte range.
pub(super) fn bytes(range: TextRange) -> Range {
    Range { start: range.start().to_u32(), end: range.end().to_u32() }
}
