//! Every name the rules know, as one tree: `socket` → `socket.socket` → `socket.socket.connect`.
//!
//! A reference in a program is a node of this tree or unknown. That makes the common case cheap:
//! an attribute of something no rule mentions costs one failed look-up and no allocation.

use std::sync::{Arc, LazyLock, OnceLock};

use hermetic_policy::config::DeclaredApi;
use hermetic_policy::rule::{Api, Construct, Trigger, TypeFact};
use hermetic_policy::{Rule, Verb, rules};
use rustc_hash::{FxHashMap, FxHashSet};

use super::declared::{self, Declared};
use super::special::{SPECIALS, Special};

/// A node of the tree.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct NameId(u32);

/// A trigger of a rule that names an API.
#[derive(Clone, Copy, Debug)]
pub struct ApiTrigger {
    /// The rule it belongs to.
    pub rule: &'static Rule,
    /// What it says.
    pub api: &'static Api,
    /// Called, as against read or written.
    pub called: bool,
}

impl ApiTrigger {
    /// What the trigger does: its own act or the rule's.
    pub fn verb(&self) -> Verb {
        self.api.verb.unwrap_or(self.rule.verb)
    }
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    triggers: Vec<ApiTrigger>,
    alias_of: Option<NameId>,
    extends: Option<NameId>,
    parent: Option<NameId>,
    returns: Option<NameId>,
    special: Option<Special>,
    is_class: bool,
    has_patch_point: bool,
}

/// The tree, and the indexes of the triggers that are not API names.
#[derive(Debug, Default)]
pub struct NameTable {
    nodes: Vec<Node>,
    children: FxHashMap<(NameId, &'static str), NameId>,
    /// The public members of each module or class, by name.
    members: FxHashMap<NameId, Vec<(&'static str, NameId)>>,
    imports: FxHashMap<&'static str, Vec<&'static Rule>>,
    attributes: FxHashMap<&'static str, Vec<&'static Rule>>,
    attribute_writes: FxHashMap<&'static str, Vec<&'static Rule>>,
    constructs: Vec<(Construct, &'static Rule)>,
    literals: Vec<(&'static str, &'static Rule)>,
    with_acts: OnceLock<FxHashSet<NameId>>,
    identity: TableId,
}

/// Which names a tree has beside those of the rules, as a hash of their declarations: the same in
/// every process.
pub type TableId = [u8; 32];

/// The names of all built-in rules.
pub static NAMES: LazyLock<Arc<NameTable>> = LazyLock::new(|| Arc::new(NameTable::of_rules(&[])));

impl NameTable {
    /// The root: its members are top-level modules.
    pub const ROOT: NameId = NameId(0);

    /// The tree of all rules' triggers and type facts, and of what a configuration declares. The
    /// names of the rules are the same nodes in every such tree.
    pub(super) fn of_rules(declared: &[Declared]) -> Self {
        let mut table = Self { nodes: vec![Node::default()], ..Self::default() };
        let mut classes = FxHashSet::default();
        for rule in rules::all() {
            for trigger in rule.triggers {
                match trigger {
                    Trigger::Call(api) => table.add_api(rule, api, true),
                    Trigger::Reference(api) => table.add_api(rule, api, false),
                    Trigger::Import(module) => {
                        table.intern(module);
                        table.imports.entry(module).or_default().push(rule);
                    }
                    Trigger::Construct(form) => match form {
                        Construct::Attribute(name) => {
                            table.attributes.entry(name).or_default().push(rule);
                        }
                        Construct::AttributeWrite(name) => {
                            table.attribute_writes.entry(name).or_default().push(rule);
                        }
                        Construct::KeptReference
                        | Construct::GuardedModuleWrite
                        | Construct::ModuleTableWrite
                        | Construct::NotebookShell
                        | Construct::UnknownImport
                        | Construct::AnyImport
                        | Construct::Unanalysed
                        | Construct::LateInstall
                        | Construct::UnusedSuppression
                        | Construct::InvalidSuppression
                        | Construct::UnexplainedSuppression => table.constructs.push((*form, rule)),
                    },
                    Trigger::Literal(text) => table.literals.push((text, rule)),
                    // The runtime guard's.
                    Trigger::Audit(_) | Trigger::Slot(_) => {}
                }
            }
        }
        for (name, special) in SPECIALS {
            let id = table.intern(name);
            table.nodes[id.index()].special = Some(*special);
        }
        for fact in rules::TYPE_FACTS.iter().copied().flatten() {
            match fact {
                TypeFact::Returns { api, class } => {
                    let class = table.intern(class);
                    let api = table.intern(api);
                    table.nodes[api.index()].returns = Some(class);
                    classes.insert(class);
                }
                TypeFact::Extends { class, base } => {
                    let base = table.intern(base);
                    let class = table.intern(class);
                    table.nodes[class.index()].extends = Some(base);
                    classes.extend([class, base]);
                }
                TypeFact::Alias { name, of } => {
                    let of = table.intern(of);
                    let name = table.intern(name);
                    if name != of {
                        table.nodes[name.index()].alias_of = Some(of);
                    }
                }
            }
        }
        for Declared { rule, api } in declared {
            table.add_api(rule, api, true);
        }
        table.find_classes(&classes);
        for ((parent, name), id) in &table.children {
            if !name.starts_with('_') {
                table.members.entry(*parent).or_default().push((name, *id));
            }
        }
        table.members.values_mut().for_each(|members| members.sort_unstable());
        table
    }

    /// The tree with the names that a configuration declares.
    pub fn with(apis: &[DeclaredApi]) -> Arc<Self> {
        declared::table(apis)
    }

    /// What tells it from trees with other declarations.
    pub fn identity(&self) -> TableId {
        self.identity
    }

    /// The same tree, known by that.
    pub(super) fn identified(self, identity: TableId) -> Self {
        Self { identity, ..self }
    }

    /// A callable with members of its own is a class, whether or not a fact says so.
    fn find_classes(&mut self, known: &FxHashSet<NameId>) {
        let parents: Vec<NameId> = self.children.keys().map(|(parent, _)| *parent).collect();
        for id in known.iter().copied().chain(parents) {
            let node = &mut self.nodes[id.index()];
            let callable = node.triggers.iter().any(|t| t.called);
            node.is_class |= known.contains(&id) || callable;
        }
        // `flask.Flask`, named only for its method `run`; top-level modules may be capitalised.
        let has_members: FxHashSet<NameId> =
            self.children.keys().map(|(parent, _)| *parent).collect();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let Some((_, last)) = node.name.rsplit_once('.') else { continue };
            let capitalised = last.starts_with(|c: char| c.is_ascii_uppercase());
            let id = NameId(u32::try_from(index).unwrap_or(u32::MAX));
            let called = node.triggers.iter().any(|t| t.called);
            node.is_class |= capitalised && (called || has_members.contains(&id));
        }
    }

    fn add_api(&mut self, rule: &'static Rule, api: &'static Api, called: bool) {
        let id = self.intern(api.name);
        self.nodes[id.index()].triggers.push(ApiTrigger { rule, api, called });
        if api.patch_point
            && let Some((module, _)) = api.name.rsplit_once('.')
        {
            let module = self.intern(module);
            self.nodes[module.index()].has_patch_point = true;
        }
    }

    fn intern(&mut self, dotted: &'static str) -> NameId {
        let mut at = Self::ROOT;
        for part in dotted.split('.') {
            at = if let Some(child) = self.children.get(&(at, part)) {
                *child
            } else {
                let parent = &self.nodes[at.index()].name;
                let name =
                    if parent.is_empty() { part.to_owned() } else { format!("{parent}.{part}") };
                let id = NameId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
                self.nodes.push(Node { name, parent: Some(at), ..Node::default() });
                self.children.insert((at, part), id);
                id
            };
        }
        at
    }

    /// The member `attribute` of `of`: its own, its alias's, or its base class's.
    pub fn member(&self, of: NameId, attribute: &str) -> Option<NameId> {
        let mut at = of;
        // The facts could be made to loop; eight steps are more than any chain of them has.
        for _ in 0..8 {
            if let Some(id) = self.child(at, attribute) {
                return Some(id);
            }
            let node = &self.nodes[at.index()];
            at = node.alias_of.or(node.extends)?;
        }
        None
    }

    /// The node for a dotted name, if a rule knows it.
    pub fn find(&self, dotted: &str) -> Option<NameId> {
        dotted.split('.').try_fold(Self::ROOT, |at, part| self.member(at, part))
    }

    fn child(&self, of: NameId, attribute: &str) -> Option<NameId> {
        // The key wants a 'static str; looking up needs none.
        let key: (NameId, &str) = (of, attribute);
        self.children.get(&key).copied()
    }

    /// The node that has the triggers: through aliases, as long as this one has none.
    pub fn canonical(&self, id: NameId) -> NameId {
        let mut at = id;
        for _ in 0..8 {
            let node = &self.nodes[at.index()];
            match node.alias_of {
                Some(of) if node.triggers.is_empty() => at = of,
                _ => break,
            }
        }
        at
    }

    /// The fully qualified name.
    pub fn name(&self, id: NameId) -> &str {
        &self.nodes[id.index()].name
    }

    /// What calling, reading or writing it triggers.
    pub fn triggers(&self, id: NameId) -> &[ApiTrigger] {
        &self.nodes[self.canonical(id).index()].triggers
    }

    /// The patch point at this node, if it is one.
    pub fn patch_point(&self, id: NameId) -> Option<&ApiTrigger> {
        self.triggers(id).iter().find(|t| t.api.patch_point)
    }

    /// What the engine itself must know about it.
    pub fn special(&self, id: NameId) -> Option<Special> {
        self.nodes[id.index()].special.or(self.nodes[self.canonical(id).index()].special)
    }

    /// The class of what it gives when called (or, for an attribute, when read).
    pub fn returns(&self, id: NameId) -> Option<NameId> {
        let node = &self.nodes[id.index()];
        node.returns.or(self.nodes[self.canonical(id).index()].returns)
    }

    /// Whether calling it makes an instance of it.
    pub fn is_class(&self, id: NameId) -> bool {
        self.nodes[id.index()].is_class || self.nodes[self.canonical(id).index()].is_class
    }

    /// The class a method belongs to.
    pub fn member_class(&self, id: NameId) -> Option<NameId> {
        self.nodes[id.index()].parent.filter(|parent| self.is_class(*parent))
    }

    /// Whether `class` is `base` or inherits from it.
    pub fn is_subclass(&self, class: NameId, base: NameId) -> bool {
        let mut at = class;
        for _ in 0..8 {
            if at == base {
                return true;
            }
            let node = &self.nodes[at.index()];
            match node.extends.or(node.alias_of) {
                Some(next) => at = next,
                None => return false,
            }
        }
        false
    }

    /// Whether it is a module (or class) with patch points of its own.
    pub fn is_guarded_module(&self, id: NameId) -> bool {
        self.nodes[id.index()].has_patch_point
            || self.nodes[self.canonical(id).index()].has_patch_point
    }

    /// Names of patch points that a star import of this module would bind.
    pub fn patch_points_of(&self, module: NameId) -> impl Iterator<Item = NameId> {
        let members = self.members.get(&module).into_iter().flatten();
        members.map(|(_, id)| *id).filter(|id| self.patch_point(*id).is_some())
    }

    /// The public members of a module a rule knows, for a star import.
    pub fn members_of(&self, module: NameId) -> impl Iterator<Item = (&'static str, NameId)> {
        let canonical = Some(self.canonical(module)).filter(|canonical| *canonical != module);
        let modules = canonical.into_iter().chain([module]);
        modules.filter_map(|module| self.members.get(&module)).flatten().copied()
    }

    /// Whether it, or anything in it, is what a rule speaks of.
    pub fn has_acts(&self, id: NameId) -> bool {
        let known = self.with_acts.get_or_init(|| self.find_acts());
        known.contains(&id) || known.contains(&self.canonical(id))
    }

    /// Whether a rule speaks of it itself, or the engine knows it.
    pub fn acts_itself(&self, id: NameId) -> bool {
        !self.triggers(id).is_empty() || self.special(id).is_some()
    }

    fn find_acts(&self) -> FxHashSet<NameId> {
        let mut found = FxHashSet::default();
        for (index, node) in self.nodes.iter().enumerate() {
            let id = NameId(u32::try_from(index).unwrap_or(u32::MAX));
            if self.triggers(id).is_empty() && !self.imports.contains_key(&*node.name) {
                continue;
            }
            let mut at = Some(id);
            while let Some(one) = at {
                found.insert(one);
                at = self.nodes[one.index()].parent;
            }
        }
        // What inherits from such a class, or is another name for it.
        for _ in 0..8 {
            let more: Vec<_> = self
                .nodes
                .iter()
                .enumerate()
                .filter(|(_, node)| {
                    node.alias_of.or(node.extends).is_some_and(|of| found.contains(&of))
                })
                .map(|(index, _)| NameId(u32::try_from(index).unwrap_or(u32::MAX)))
                .collect();
            found.extend(more);
        }
        found
    }

    /// Whether the table has this name: another's may have more.
    pub fn has(&self, id: NameId) -> bool {
        id.index() < self.nodes.len()
    }

    /// The rules an import of this dotted module triggers, with the part of the name that does.
    pub fn import_rules<'m>(&self, module: &'m str) -> Vec<(&'static Rule, &'m str)> {
        /// Parts of a dotted name, which are more than any rule's has.
        const PARTS: usize = 16;
        let mut found = Vec::new();
        let ends = module.match_indices('.').map(|(at, _)| at).chain([module.len()]);
        for end in ends.take(PARTS) {
            let Some(prefix) = module.get(..end) else { continue };
            if let Some(rules) = self.imports.get(prefix) {
                found.extend(rules.iter().map(|rule| (*rule, prefix)));
            }
        }
        found
    }

    /// The rules that reading an attribute of this name on any object triggers.
    pub fn attribute_rules(&self, name: &str) -> &[&'static Rule] {
        self.attributes.get(name).map_or(&[], Vec::as_slice)
    }

    /// The rules that writing an attribute of this name on any object triggers.
    pub fn attribute_write_rules(&self, name: &str) -> &[&'static Rule] {
        self.attribute_writes.get(name).map_or(&[], Vec::as_slice)
    }

    /// The rule that speaks for a syntactic form.
    pub fn construct_rule(&self, form: Construct) -> Option<&'static Rule> {
        self.constructs.iter().find(|(f, _)| *f == form).map(|(_, rule)| *rule)
    }

    /// Every literal trigger.
    pub fn literals(&self) -> &[(&'static str, &'static Rule)] {
        &self.literals
    }
}

impl NameId {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_from_the_tree_an_alias_or_a_base() {
        let names = &*NAMES;
        let connect = names.find("socket.socket.connect").expect("a trigger names it");
        assert_eq!(names.find("ssl.SSLSocket.connect"), Some(connect));
        assert_eq!(names.find("socket.socket.no_such_method"), None);
    }

    #[test]
    fn a_callable_with_methods_is_a_class() {
        let names = &*NAMES;
        assert!(names.is_class(names.find("socket.socket").expect("known")));
        assert!(!names.is_class(names.find("socket.create_connection").expect("known")));
    }
}
