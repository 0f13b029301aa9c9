//! Import statements, and imports by other means.

use hermetic_policy::{Capability, Rule};

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
            self.imported(module, &[], range_of(alias));
            let top = module.split('.').next().unwrap_or(module);
            let (bound, of) =
                alias.asname.as_ref().map_or((top, top), |name| (name.as_str(), module));
            let value = self.names.find(of);
            let value = value.map_or_else(|| self.foreign_module(0, of), Value::Name);
            self.link_import(0, module, None, range_of(alias));
            self.bind(bound, value);
        }
    }

    pub(super) fn import_from(&mut self, import: &'a ast::StmtImportFrom) {
        let module = import.module.as_ref().map(ast::Identifier::as_str);
        let Some(module) = module.filter(|_| import.level == 0) else {
            // A relative import names this package's own modules, whatever they are called.
            let base = self.foreign_module(import.level, module.unwrap_or_default());
            for alias in &import.names {
                let name = alias.asname.as_ref().unwrap_or(&alias.name);
                let member = alias.name.as_str();
                self.link_import(
                    import.level,
                    module.unwrap_or_default(),
                    Some(member),
                    range_of(alias),
                );
                if member == "*" {
                    self.foreign_star(&base);
                } else {
                    let value = self.foreign_member(&base, member);
                    self.bind(name.as_str(), value);
                }
            }
            return;
        };
        let at = import.module.as_ref().map_or_else(|| range_of(import), range_of);
        self.imported(module, &import.names, at);
        let node = self.names.find(module);
        for alias in &import.names {
            let name = alias.name.as_str();
            let range = range_of(alias);
            self.link_import(0, module, Some(name), range);
            if name == "*" {
                if let Some(node) = node {
                    self.star_import(node, range);
                }
                let base = self.foreign_module(0, module);
                self.foreign_star(&base);
                continue;
            }
            let member = node.and_then(|node| self.names.member(node, name));
            let elsewhere = || {
                let base = node.map(Value::Name);
                let base = base.unwrap_or_else(|| self.foreign_module(0, module));
                self.member_of(&base, name)
            };
            let value = member.map_or_else(elsewhere, Value::Name);
            let told_elsewhere = node.is_none();
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            let used = self.assigned_use(bound);
            let local = used == Use::Assigned;
            let patch_point = !told_elsewhere && self.is_patch_point(&value);
            if patch_point && !local {
                self.capture(&value, range, Keep::FromImport);
            }
            let alias_at = (local && patch_point).then_some(alias.range);
            self.scopes.bind(self.scope, bound, Some(Binding { value, alias_at, past: None }));
        }
    }

    fn star_import(&mut self, module: NameId, range: Range) {
        let guarded = self.names.patch_points_of(self.names.canonical(module)).next();
        if let Some(id) = guarded
            && self.scopes.kind(self.scope) != ScopeKind::Function
        {
            self.capture(&Value::Name(id), range, Keep::StarImport);
        }
        let names = self.names;
        for (name, id) in names.members_of(module) {
            crate::resolve::budget::spend(1);
            self.bind(name, Value::Name(id));
        }
    }

    /// Note an import of a module, or of names from it, and what importing just this triggers.
    pub(super) fn imported(&mut self, module: &str, members: &[ast::Alias], range: Range) {
        if self.quiet > 0 {
            return;
        }
        let named = |alias: &ast::Alias| (alias.name.as_str().into(), range_of(alias));
        self.found.imports.push(FoundImport {
            module: module.into(),
            range,
            members: members.iter().map(named).collect(),
            owner: self.owner,
        });
        for (rule, name) in self.names.import_rules(module) {
            // `from _socket import AF_INET, error`: nothing there can act.
            let inert = rule.capability == Capability::Integrity
                && !members.is_empty()
                && members.iter().all(|alias| is_inert(alias.name.as_str()));
            if !inert {
                self.import_act(rule, name, range);
            }
        }
        for alias in members {
            let joined = format!("{module}.{}", alias.name.as_str());
            for (rule, name) in self.names.import_rules(&joined) {
                if name.len() > module.len() {
                    self.import_act(rule, name, range_of(alias));
                }
            }
        }
    }

    fn import_act(&mut self, rule: &'static Rule, module: &str, range: Range) {
        let operand = FoundOperand::Name(module.into());
        self.act(rule, rule.verb, module, operand, true, false, range);
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
        self.imported(module, &[], range);
        self.names.find(module).map_or_else(|| self.foreign_text_module(module), Value::Name)
    }
}

/// Whether a name is that of a constant or an exception.
fn is_inert(name: &str) -> bool {
    let constant = !name.contains(|c: char| c.is_ascii_lowercase()) && name != "*";
    constant || name.ends_with("Error") || name.ends_with("error")
}
