//! Import statements, and imports by other means.

use crate::resolve::names::NameId;
use crate::resolve::scope::{Binding, ScopeKind};
use crate::resolve::value::Value;
use crate::summary::{FoundImport, FoundOperand, Keep, Range};
use crate::syntax::ast;

use super::engine::{Engine, Use, range_of};

impl<'a> Engine<'a> {
    pub(super) fn import(&mut self, import: &'a ast::StmtImport) {
        for alias in &import.names {
            let module = alias.name.as_str();
            self.imported(module, None, range_of(alias));
            let (bound, value) = match &alias.asname {
                Some(name) => (name.as_str(), self.names.find(module)),
                None => {
                    let top = module.split('.').next().unwrap_or(module);
                    (top, self.names.find(top))
                }
            };
            self.bind(bound, value.map_or(Value::Unknown, Value::Name));
        }
    }

    pub(super) fn import_from(&mut self, import: &'a ast::StmtImportFrom) {
        let module = import.module.as_ref().map(ast::Identifier::as_str);
        let Some(module) = module.filter(|_| import.level == 0) else {
            // A relative import names this package's own modules, whatever they are called.
            for alias in &import.names {
                let name = alias.asname.as_ref().unwrap_or(&alias.name);
                if name.as_str() != "*" {
                    self.bind(name.as_str(), Value::Unknown);
                }
            }
            return;
        };
        let node = self.names.find(module);
        for alias in &import.names {
            let name = alias.name.as_str();
            let range = range_of(alias);
            self.imported(module, Some(name), range);
            if name == "*" {
                if let Some(node) = node {
                    self.star_import(node, range);
                }
                continue;
            }
            let value = match node.and_then(|node| self.names.member(node, name)) {
                Some(member) => Value::Name(member),
                None => {
                    node.map_or(Value::Unknown, |node| self.member_of(&Value::Name(node), name))
                }
            };
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            let used = self.assigned_use(bound);
            let local = used == Use::Assigned;
            let patch_point = self.is_patch_point(&value);
            if patch_point && !local {
                self.capture(&value, range, Keep::FromImport);
            }
            let alias_at = (local && patch_point).then_some(alias.range);
            self.scopes.bind(self.scope, bound, Some(Binding { value, alias_at, rebound: false }));
        }
    }

    fn star_import(&mut self, module: NameId, range: Range) {
        let guarded = self.names.patch_points_of(self.names.canonical(module));
        if !guarded.is_empty() && self.scopes.kind(self.scope) != ScopeKind::Function {
            for id in guarded.iter().take(1) {
                self.capture(&Value::Name(*id), range, Keep::StarImport);
            }
        }
        let members: Vec<_> = self.names.members_of(module).collect();
        for (name, id) in members {
            self.bind(name, Value::Name(id));
        }
    }

    /// Note an import, and what importing this very module triggers.
    pub(super) fn imported(&mut self, module: &str, member: Option<&str>, range: Range) {
        if self.quiet > 0 {
            return;
        }
        self.found.imports.push(FoundImport {
            module: module.into(),
            member: member.map(Into::into),
            range,
        });
        let mut rules = self.names.import_rules(module);
        let joined;
        if let Some(member) = member {
            joined = format!("{module}.{member}");
            let deeper = self.names.import_rules(&joined);
            rules.extend(deeper.into_iter().filter(|(_, name)| name.len() > module.len()));
        }
        let rules: Vec<_> = rules.into_iter().map(|(rule, name)| (rule, name.to_owned())).collect();
        for (rule, name) in rules {
            let operand = FoundOperand::Name(name.as_str().into());
            self.act(rule, rule.verb, &name, operand, true, false, range);
        }
    }

    /// `sys.modules["name"]`: as good as an import of it.
    pub(super) fn table_entry(&mut self, key: &Value<'a>, range: Range) -> Value<'a> {
        match key.exact_text() {
            // What `__name__` is here nobody knows, but it is this module.
            Some("__name__") => Value::Globals,
            Some(module) => self.named_module(module, range),
            None => Value::Unknown,
        }
    }

    /// A module got by its name at run time: importing it triggers what the statement would.
    pub(super) fn named_module(&mut self, module: &str, range: Range) -> Value<'a> {
        self.imported(module, None, range);
        self.names.find(module).map_or(Value::Unknown, Value::Name)
    }
}
