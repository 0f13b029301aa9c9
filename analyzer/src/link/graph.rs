//! The call graph: which code leads to which.
//!
//! Its nodes are the code of a module as it is imported, and functions. A method that is called on
//! an object whose class is known for certain is a node of its own for that class: what it calls
//! on `self` is then what that class has, and no other. On an object that may be of a subclass, it
//! may be what any subclass has.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::resolve::origin::{Origin, Step};
use crate::summary::links::{Callee, Edge, EdgeKind, Owner, Place};

use super::Program;
use super::classes::Link;
use super::modules::{FileId, Module};
use super::walk::{All, ClassRef, Found, FunctionRef, Walk};

/// Code that runs as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// A module, while it is imported.
    Import(FileId),
    /// What a module does beside that when it is run as a script.
    Main(FileId),
    /// What a module hands to others, who may call it at any time.
    Handed(FileId),
    /// A function: its file and number.
    Function(FileId, u32),
    /// A method, called on an object of this class for certain: the class's file and number.
    Method(FileId, u32, (FileId, u32)),
}

impl Node {
    /// The file whose code it is.
    pub const fn file(self) -> FileId {
        match self {
            Self::Import(file)
            | Self::Main(file)
            | Self::Handed(file)
            | Self::Function(file, _)
            | Self::Method(file, ..) => file,
        }
    }

    /// Whose acts and edges it has.
    pub const fn owner(self) -> Option<Owner> {
        match self {
            Self::Import(_) => Some(Owner::MODULE),
            Self::Main(_) => Some(Owner::MAIN),
            Self::Handed(_) => None,
            Self::Function(_, number) | Self::Method(_, number, _) => Some(Owner::function(number)),
        }
    }
}

/// One step, by node numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arc {
    /// Who.
    pub from: u32,
    /// Whom.
    pub to: u32,
    /// Where in `from`'s file.
    pub place: Place,
    /// Whether it is only handed on there, to be called who knows when.
    pub later: bool,
}

/// All code of a program and its steps.
#[derive(Debug, Default)]
pub struct CallGraph {
    /// Code, by number.
    pub nodes: Vec<Node>,
    /// Steps, by `from`.
    pub arcs: Vec<Arc>,
    /// Calls that lead nobody knows where, by who makes them: how many, and the first.
    pub unresolved: FxHashMap<Node, (u32, Place)>,
}

/// Functions that hand something on to each other are followed through so many.
const MOST_HANDED_ON: usize = 32;

/// Classes below one that are asked for a method.
const MOST_SUBCLASSES: usize = 4096;

impl Program<'_> {
    /// Who leads to whom. Needs files that were looked at for a call graph. Runs on the threads of
    /// the pool it is called from.
    pub fn call_graph(&self) -> CallGraph {
        let builder = Builder {
            program: self,
            subclasses: self.subclasses(),
            ways: (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX))
                .into_par_iter()
                .map(|file| self.ways(FileId(file)))
                .collect(),
            owned: self.files.par_iter().map(|links| by_owner(&links.edges)).collect(),
        };
        builder.build()
    }
}

struct Builder<'b, 'l> {
    program: &'b Program<'l>,
    /// Every class below a class.
    subclasses: FxHashMap<ClassRef, Vec<ClassRef>>,
    ways: Vec<Vec<All<'l>>>,
    /// Numbers of edges by their owner, in order.
    owned: Vec<Vec<(Owner, u32)>>,
}

/// What expanding one node gives.
#[derive(Default)]
struct Expanded {
    steps: Vec<(Node, bool, Place)>,
    unresolved: Option<(u32, Place)>,
}

impl<'l> Builder<'_, 'l> {
    fn build(&self) -> CallGraph {
        let mut graph = CallGraph::default();
        let mut numbers: FxHashMap<Node, u32> = FxHashMap::default();
        for (index, links) in self.program.files.iter().enumerate() {
            let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            let functions = links.functions.iter().zip(0..).filter(|(f, _)| f.called().looked_at);
            let first = [Node::Import(file), Node::Main(file), Node::Handed(file)];
            let all = functions.map(|(_, number)| Node::Function(file, number));
            for node in first.into_iter().chain(all) {
                numbers.insert(node, u32::try_from(graph.nodes.len()).unwrap_or(u32::MAX));
                graph.nodes.push(node);
            }
        }
        let mut done = 0;
        while done < graph.nodes.len() {
            let round = graph.nodes.get(done..).unwrap_or_default();
            let expanded: Vec<Expanded> = round.par_iter().map(|node| self.expand(*node)).collect();
            let begin = done;
            done = graph.nodes.len();
            for (index, mut one) in expanded.into_iter().enumerate() {
                let from = begin + index;
                if let Some(calls) = one.unresolved
                    && let Some(node) = graph.nodes.get(from)
                {
                    graph.unresolved.insert(*node, calls);
                }
                // What is called as well is not only handed on.
                one.steps.sort_unstable();
                one.steps.dedup_by_key(|(node, ..)| *node);
                for (node, later, place) in one.steps {
                    let to = *numbers.entry(node).or_insert_with(|| {
                        graph.nodes.push(node);
                        u32::try_from(graph.nodes.len() - 1).unwrap_or(u32::MAX)
                    });
                    let from = u32::try_from(from).unwrap_or(u32::MAX);
                    graph.arcs.push(Arc { from, to, place, later });
                }
            }
        }
        graph
    }

    fn expand(&self, node: Node) -> Expanded {
        let mut found = Expanded::default();
        let file = node.file();
        let Some(links) = self.program.links(file) else { return found };
        let (owner, handed) = match node {
            Node::Handed(_) => (Owner::MODULE, true),
            node => (node.owner().unwrap_or_default(), false),
        };
        let receiver = match node {
            Node::Method(_, _, class) => Some(class),
            _ => None,
        };
        let edges = self.owned.get(file.0 as usize).map_or(&[] as &[_], Vec::as_slice);
        let begin = edges.partition_point(|(of, _)| *of < owner);
        let mut unknown: Option<(u32, Place)> = None;
        for (_, number) in edges.iter().skip(begin).take_while(|(of, _)| *of == owner) {
            let Some(edge) = links.edges.get(*number as usize) else { continue };
            let mut targets = Vec::new();
            let mut later = false;
            match edge.kind {
                EdgeKind::Pass(call) => {
                    later = !self.is_called_there(file, call, &mut FxHashSet::default());
                    if owner != Owner::MODULE || later == handed {
                        self.handed_on(file, edge, receiver, &mut targets);
                    }
                }
                _ if handed => {}
                EdgeKind::Import => self.imported(file, &edge.to, &mut targets),
                EdgeKind::Read => self.read(file, &edge.to, &mut targets),
                EdgeKind::Made => {
                    let known = self.targets(file, edge, receiver, &mut targets)
                        || self.is_given_back(file, &edge.to);
                    if !known {
                        unknown = Some(unknown.map_or((1, edge.place), |(n, at)| (n + 1, at)));
                    }
                }
                EdgeKind::Implied => {
                    self.targets(file, edge, receiver, &mut targets);
                }
                EdgeKind::Call => {
                    if !self.targets(file, edge, receiver, &mut targets) {
                        unknown = Some(unknown.map_or((1, edge.place), |(n, at)| (n + 1, at)));
                    }
                }
            }
            found.steps.extend(targets.into_iter().map(|target| (target, later, edge.place)));
        }
        let dynamic = links.unresolved.iter().find(|calls| calls.owner == owner && !handed);
        found.unresolved = match (dynamic, unknown) {
            (Some(calls), Some((count, place))) => {
                Some((calls.count + count, calls.place.min(place)))
            }
            (Some(calls), None) => Some((calls.count, calls.place)),
            (None, unknown) => unknown,
        };
        found
    }

    /// Whether what is handed to a call is called by it then and there, for all that is known.
    fn is_called_there(
        &self,
        file: FileId,
        call: Option<u32>,
        seen: &mut FxHashSet<(FileId, u32)>,
    ) -> bool {
        let links = self.program.links(file);
        let Some(call) = links.zip(call).and_then(|(l, call)| l.edges.get(call as usize)) else {
            return false;
        };
        let mut callees = Vec::new();
        self.targets(file, call, None, &mut callees);
        callees.iter().any(|callee| {
            let (Node::Function(file, number) | Node::Method(file, number, _)) = *callee else {
                return false;
            };
            if seen.len() > MOST_HANDED_ON || !seen.insert((file, number)) {
                return false;
            }
            let links = self.program.links(file);
            let of = links.and_then(|links| links.functions.get(number as usize));
            of.is_some_and(|of| {
                let on = |edge: &u32| self.is_called_there(file, Some(*edge), seen);
                of.called().calls_parameter || of.called().hands_on.iter().any(on)
            })
        })
    }

    /// What may be called by who is handed it: functions, not objects that could be called too.
    fn handed_on(
        &self,
        file: FileId,
        edge: &Edge,
        receiver: Option<ClassRef>,
        found: &mut Vec<Node>,
    ) {
        let Callee::Way(origin) = &edge.to else {
            self.targets(file, edge, receiver, found);
            return;
        };
        for one in self.found(file, *origin) {
            if !matches!(one, Found::Object { .. }) {
                self.one(one, found);
            }
        }
    }

    /// Whether what a call gives is what was handed to it, or something known.
    fn is_given_back(&self, file: FileId, to: &Callee) -> bool {
        let Callee::Way(origin) = to else { return false };
        let links = self.program.links(file);
        let way = links.zip(origin.index()).and_then(|(links, at)| links.ways.get(at));
        let Some((Some(callee), Step::Called)) = way else { return false };
        let all = self.found(file, callee);
        !all.is_empty()
            && all.iter().all(|one| match one {
                Found::Function(function) | Found::Method { function, .. } => {
                    let links = self.program.links(function.0);
                    let of = links.and_then(|links| links.functions.get(function.1 as usize));
                    of.is_some_and(|of| of.called().gives_back)
                }
                _ => false,
            })
    }

    /// What an edge leads to; whether that is known, be it nothing of the program.
    fn targets(
        &self,
        file: FileId,
        edge: &Edge,
        receiver: Option<ClassRef>,
        found: &mut Vec<Node>,
    ) -> bool {
        match &edge.to {
            Callee::Function(number) => {
                found.push(Node::Function(file, *number));
                true
            }
            Callee::Class(number) => self.made((file, *number), found),
            Callee::Method { class, name, exact: true } => self.method((file, *class), name, found),
            Callee::Method { class, name, exact: false } => {
                self.any_method((file, *class), name, found)
            }
            Callee::OwnMethod { class, name } => match receiver {
                Some(receiver) => self.method(receiver, name, found),
                None => self.any_method((file, *class), name, found),
            },
            Callee::SuperMethod { class, name } => {
                self.further_up((file, *class), receiver, name, found)
            }
            Callee::Way(origin) => self.way(file, *origin, found),
        }
    }

    fn way(&self, file: FileId, origin: Origin, found: &mut Vec<Node>) -> bool {
        let all = self.found(file, origin);
        let mut known = true;
        for one in all {
            known &= self.one(one, found);
        }
        known && !all.is_empty()
    }

    /// What calling one thing leads to; whether that is known.
    fn one(&self, one: &Found<'l>, found: &mut Vec<Node>) -> bool {
        match one {
            Found::Function(function) => found.push(Node::Function(function.0, function.1)),
            Found::Method { class, function, exact } => {
                if *exact {
                    found.push(self.node_of(*function, *class));
                } else if let Some(name) = self.short_name(*function) {
                    self.any_method(*class, name, found);
                }
            }
            Found::Class(class) => return self.made(*class, found),
            Found::Object { class, exact: true } => return self.method(*class, "__call__", found),
            Found::Object { class, exact: false } => {
                return self.any_method(*class, "__call__", found);
            }
            Found::External | Found::Unknown => return false,
            Found::Api(..)
            | Found::ApiObject(..)
            | Found::Module(_)
            | Found::Items(..)
            | Found::Table(..)
            | Found::Standard => {}
        }
        true
    }

    fn found(&self, file: FileId, origin: Origin) -> &[Found<'l>] {
        let ways = self.ways.get(file.0 as usize);
        let all = ways.zip(origin.index()).and_then(|(ways, at)| ways.get(at));
        all.map_or(&[], SmallVec::as_slice)
    }

    /// The modules that an import statement runs.
    fn imported(&self, file: FileId, to: &Callee, found: &mut Vec<Node>) {
        let Callee::Way(origin) = to else { return };
        let Some(links) = self.program.links(file) else { return };
        let mut at = Some(*origin);
        while let Some(origin) = at {
            for one in self.found(file, origin) {
                if let Found::Module(Module::File(module)) = one
                    && *module != file
                {
                    found.push(Node::Import(*module));
                }
            }
            at = origin.index().and_then(|at| links.ways.get(at)).and_then(|(from, _)| from);
        }
    }

    /// A property of another file's object.
    fn read(&self, file: FileId, to: &Callee, found: &mut Vec<Node>) {
        let Callee::Way(origin) = to else { return };
        let Some(links) = self.program.links(file) else { return };
        let way = origin.index().and_then(|at| links.ways.get(at));
        let Some((Some(from), Step::Attribute(name))) = way else { return };
        for one in self.found(file, from) {
            let Found::Object { class, exact } = one else { continue };
            for member in self.program.member_of_class(*class, &name, &Walk::new()) {
                let Found::Function(function) = member else { continue };
                let of = self.program.links(function.0);
                let of = of.and_then(|links| links.functions.get(function.1 as usize));
                if !of.is_some_and(|of| of.property) {
                    continue;
                }
                if *exact {
                    found.push(self.node_of(function, *class));
                } else {
                    self.any_method(*class, &name, found);
                }
            }
        }
    }

    /// What making an object of a class runs (CPython `Doc/reference/datamodel.rst`), and whether
    /// that is known.
    fn made(&self, class: ClassRef, found: &mut Vec<Node>) -> bool {
        self.method(class, "__new__", found);
        self.method(class, "__post_init__", found);
        self.method(class, "__init__", found)
    }

    /// The method a class has under a name, on an object of just this class.
    fn method(&self, class: ClassRef, name: &str, found: &mut Vec<Node>) -> bool {
        let members = self.program.member_of_class(class, name, &Walk::new());
        self.push(&members, class, found)
    }

    fn push(&self, members: &All<'l>, class: ClassRef, found: &mut Vec<Node>) -> bool {
        let mut known = !members.is_empty();
        for member in members {
            match member {
                Found::Function(function) => found.push(self.node_of(*function, class)),
                Found::Class(made) => known &= self.made(*made, found),
                Found::Unknown | Found::External => known = false,
                _ => {}
            }
        }
        known
    }

    /// The method a class, or any class below it, has under a name.
    fn any_method(&self, class: ClassRef, name: &str, found: &mut Vec<Node>) -> bool {
        let mut known = false;
        for member in self.program.member_of_class(class, name, &Walk::new()) {
            match member {
                Found::Function((file, number)) => {
                    known = true;
                    found.push(Node::Function(file, number));
                }
                Found::Class(made) => known |= self.made(made, found),
                Found::Unknown | Found::External => {}
                _ => known = true,
            }
        }
        let below = self.subclasses.get(&class).map_or(&[] as &[_], Vec::as_slice);
        for (file, number) in below.iter().take(MOST_SUBCLASSES) {
            let links = self.program.links(*file);
            let Some(of) = links.and_then(|links| links.classes.get(*number as usize)) else {
                continue;
            };
            let at = of.members.binary_search_by(|(member, _)| (**member).cmp(name));
            let Some((_, thing)) = at.ok().and_then(|at| of.members.get(at)) else { continue };
            for member in self.program.thing(*file, thing, &Walk::new()) {
                if let Found::Function((file, number)) = member {
                    known = true;
                    found.push(Node::Function(file, number));
                }
            }
        }
        known
    }

    /// `super().name`: what stands behind the class in the order of search.
    fn further_up(
        &self,
        class: ClassRef,
        receiver: Option<ClassRef>,
        name: &str,
        found: &mut Vec<Node>,
    ) -> bool {
        let below = self.subclasses.get(&class).map_or(&[] as &[_], Vec::as_slice);
        if let Some(of) = receiver.or_else(|| below.is_empty().then_some(class)) {
            return self.behind(class, of, name, &mut |function| {
                found.push(self.node_of(function, of));
            });
        }
        // In an object of a class below, another one may stand behind this one.
        let mut functions: Vec<FunctionRef> = Vec::new();
        let mut known = true;
        for of in std::iter::once(&class).chain(below.iter().take(MOST_SUBCLASSES)) {
            known &= self.behind(class, *of, name, &mut |function| {
                if !functions.contains(&function) {
                    functions.push(function);
                }
            });
        }
        found.extend(functions.into_iter().map(|(file, number)| Node::Function(file, number)));
        known
    }

    /// What stands behind one class in the order of search of another; whether that is known.
    fn behind(
        &self,
        class: ClassRef,
        of: ClassRef,
        name: &str,
        found: &mut impl FnMut(FunctionRef),
    ) -> bool {
        let line = self.program.line(of);
        let behind = line.iter().position(|link| *link == Link::Own(class)).map_or(1, |at| at + 1);
        for link in line.iter().skip(behind) {
            match link {
                Link::Own((file, number)) => {
                    let links = self.program.links(*file);
                    let class = links.and_then(|links| links.classes.get(*number as usize));
                    let Some(class) = class else { continue };
                    let at = class.members.binary_search_by(|(member, _)| (**member).cmp(name));
                    let Some((_, thing)) = at.ok().and_then(|at| class.members.get(at)) else {
                        continue;
                    };
                    let members = self.program.thing(*file, thing, &Walk::new());
                    for member in &members {
                        if let Found::Function(function) = member {
                            found(*function);
                        }
                    }
                    return true;
                }
                Link::Standard => {}
                Link::Api(_) => return true,
                Link::Unknown => return false,
            }
        }
        // `object` has it, or it fails.
        true
    }

    /// A method on an object of just this class. Where no class is below the method's own, any
    /// object is such.
    fn node_of(&self, function: FunctionRef, class: ClassRef) -> Node {
        let links = self.program.links(function.0);
        let of = links.and_then(|links| links.functions.get(function.1 as usize));
        let own = of.and_then(|of| of.called().class).map(|number| (function.0, number));
        match own {
            Some(own) if own != class || self.subclasses.contains_key(&own) => {
                Node::Method(function.0, function.1, class)
            }
            _ => Node::Function(function.0, function.1),
        }
    }

    fn short_name(&self, function: FunctionRef) -> Option<&'l str> {
        let links = self.program.links(function.0)?;
        let name = &links.functions.get(function.1 as usize)?.called().name;
        Some(name.rsplit('.').next().unwrap_or(name))
    }
}

/// Numbers of edges by their owner.
fn by_owner(edges: &[Edge]) -> Vec<(Owner, u32)> {
    let mut owned: Vec<(Owner, u32)> = edges.iter().map(|edge| edge.owner).zip(0..).collect();
    owned.sort_unstable();
    owned
}
