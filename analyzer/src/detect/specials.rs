//! Calls whose meaning the engine knows: attribute access by name, imports by name, wrappers.

use std::rc::Rc;

use crate::resolve::special::Special;
use crate::resolve::value::{Getter, Partial, Text, Value};
use crate::summary::Range;

use super::calls::join_path;
use super::engine::Engine;
use super::expressions::{bare_instance, item_of};
use super::operands::{Arguments, path_text};

impl<'a> Engine<'a> {
    /// What a special call gives; `None` if it is an ordinary call after all.
    pub(super) fn special_call(
        &mut self,
        special: Special,
        arguments: &Arguments<'a>,
        range: Range,
    ) -> Option<Value<'a>> {
        let first = arguments.positional.first();
        let second = arguments.positional.get(1);
        let value = match special {
            Special::GetAttr => {
                let member = self.named_member(first?, second.unwrap_or(&Value::Unknown));
                // A known attribute is there; a constant in its place says nothing.
                let known = !member.is_unknown();
                let default = arguments.positional.get(2).cloned();
                let default = default.filter(|value| !known || value.is_reference());
                Value::either([member].into_iter().chain(default))
            }
            Special::SetAttr | Special::DelAttr => {
                let name = second.and_then(Value::exact_text);
                self.attribute_set_by_name(first?, name, range);
                Value::None
            }
            Special::Vars => match first.map(Value::only) {
                Some(Value::Name(id)) => Value::Namespace(*id),
                Some(_) => Value::Unknown,
                None => Value::Globals,
            },
            Special::Globals => Value::Globals,
            Special::Import => {
                let name = arguments.first_or("name").and_then(Value::exact_text)?;
                let module = self.named_module(name, range);
                // With a `fromlist` the module itself comes back, without one its top.
                let whole = arguments.positional.len() > 3
                    || arguments.keywords.iter().any(|(key, _)| *key == "fromlist");
                match name.split_once('.') {
                    Some((top, _)) if !whole => {
                        self.names.find(top).map_or(Value::Unknown, Value::Name)
                    }
                    _ => module,
                }
            }
            Special::ImportModule => {
                let name = arguments.first_or("name").and_then(Value::exact_text)?;
                let absolute;
                let name = match name.strip_prefix('.') {
                    Some(rest) if !rest.starts_with('.') => {
                        let package = arguments.keyword("package").or(second);
                        let package = package.and_then(Value::exact_text)?;
                        // What `__name__` is here nobody knows, but it is no third party's.
                        if package == "__name__" {
                            return None;
                        }
                        absolute = format!("{package}.{rest}");
                        &absolute
                    }
                    Some(_) => return None,
                    None => name,
                };
                self.named_module(name, range)
            }
            Special::ResolveName => {
                let name = first.and_then(Value::exact_text)?;
                let (module, member) = name.split_once(':').unwrap_or((name, ""));
                let module = self.named_module(module, range);
                if member.is_empty() { module } else { self.dotted_member(&module, member) }
            }
            Special::AttrGetter => getter(Getter::Attribute, first),
            Special::MethodCaller => getter(Getter::Method, first),
            Special::ItemGetter => getter(Getter::Item, first),
            Special::Partial => match first {
                Some(function) if function.is_reference() => {
                    let partial = Partial {
                        function: function.clone(),
                        positional: arguments.positional.iter().skip(1).cloned().collect(),
                        keywords: arguments.keywords.clone(),
                        more: arguments.more,
                    };
                    Value::Partial(Rc::new(partial)).bounded()
                }
                _ => Value::Unknown,
            },
            Special::MethodWrapper | Special::Identity => first.cloned().unwrap_or_default(),
            Special::Cast => match first.map(Value::only) {
                Some(Value::Name(id)) if self.names.is_class(*id) => {
                    Value::Instance(bare_instance(*id))
                }
                Some(Value::Class(id)) => Value::Own(*id),
                _ => second.cloned().unwrap_or_default(),
            },
            Special::TypeOf => match (first, second) {
                (Some(Value::Own(id)), None) => Value::Class(*id),
                (Some(Value::Instance(instance)), None) => Value::Name(instance.class),
                _ => Value::Unknown,
            },
            Special::TypeTest | Special::Mock => Value::Unknown,
            Special::Chr => match first {
                Some(Value::Int(n)) => {
                    let c = u32::try_from(*n).ok().and_then(char::from_u32);
                    c.map_or(Value::Unknown, |c| Value::text(c.to_string()))
                }
                _ => Value::Unknown,
            },
            Special::Text => first.and_then(path_text).map_or(Value::Unknown, Value::Text),
            Special::JoinPath => joined(&arguments.positional, arguments.more),
            Special::JoinUrl => match (first, second) {
                (_, Some(Value::Text(rest))) if is_absolute_url(rest) => Value::Text(rest.clone()),
                (Some(Value::Text(base)), Some(Value::Text(rest))) => {
                    Value::Text(join_url(base, rest))
                }
                _ => Value::Unknown,
            },
            Special::Super => self.parent_object(),
            Special::Items => match first.map(Value::only) {
                Some(Value::Sequence(_) | Value::List(_)) => {
                    Value::List([item_of(first?).references()].into())
                }
                _ => return None,
            },
            Special::Install { patching } => {
                self.guard_installed(arguments, patching, range);
                return None;
            }
            Special::Modules
            | Special::Paths
            | Special::TypeChecking
            | Special::TypeWrapper
            | Special::Path
            | Special::SafeLoader
            | Special::OpenFlag { .. } => return None,
        };
        Some(value)
    }

    fn attribute_set_by_name(&mut self, base: &Value<'a>, name: Option<&str>, range: Range) {
        for rule in name.map_or(&[][..], |name| self.names.attribute_write_rules(name)) {
            self.simple_act(rule, name.unwrap_or_default(), range, false);
        }
        for one in base.each() {
            if let Value::Name(id) = one {
                if let Some(member) = name.and_then(|name| self.names.member(*id, name)) {
                    self.write_state(member, &Value::Unknown, range);
                }
                self.guarded_module_written(*id, name, range);
            }
        }
    }

    /// `sys.modules.get("x")`, `.pop("x")`, `.setdefault("x", m)`.
    pub(super) fn call_module_table(
        &mut self,
        id: crate::resolve::names::NameId,
        method: &str,
        arguments: &Arguments<'a>,
        range: Range,
    ) -> Value<'a> {
        let key = arguments.positional.first().unwrap_or(&Value::Unknown);
        match method {
            "get" | "__getitem__" => self.table_entry(key, range),
            "pop" | "setdefault" | "__setitem__" | "__delitem__" => {
                self.module_table_written(id, key, range);
                Value::Unknown
            }
            "update" => {
                if let Value::Mapping(items) = key {
                    for (key, _) in items.iter() {
                        self.module_table_written(id, key, range);
                    }
                }
                for (name, _) in &arguments.keywords {
                    self.module_table_written(id, &Value::text(*name), range);
                }
                Value::Unknown
            }
            _ => Value::Unknown,
        }
    }

    /// What `super()` gives inside a class of this file.
    fn parent_object(&self) -> Value<'a> {
        let class = self.class.and_then(|id| self.classes.get(id.0 as usize));
        let Some(class) = class else { return Value::Unknown };
        let parents: Vec<_> = class
            .bases
            .iter()
            .flat_map(Value::each)
            .map(|base| match base {
                Value::Name(id) => Value::Instance(bare_instance(*id)),
                Value::Class(id) => Value::Own(*id),
                Value::Foreign(_) => self.foreign_instance(base),
                _ => Value::Unknown,
            })
            .collect();
        Value::either(parents)
    }
}

fn getter<'a>(getter: Getter, name: Option<&Value<'a>>) -> Value<'a> {
    match name {
        Some(Value::Text(name)) => Value::Getter(getter, name.clone()),
        _ => Value::Unknown,
    }
}

/// `os.path.join(...)`.
pub(super) fn joined<'a>(parts: &[Value<'a>], more: bool) -> Value<'a> {
    let mut parts = parts.iter().map(path_text);
    let Some(Some(mut path)) = parts.next() else { return Value::Unknown };
    for part in parts {
        let part = part.unwrap_or(Text { complete: false, ..Text::complete("") });
        path = join_path(&path, &part);
    }
    path.complete &= !more;
    Value::Text(path)
}

/// `urllib.parse.urljoin(base, rest)`: a relative rest stays on the base's host.
fn join_url<'a>(base: &Text<'a>, rest: &Text<'a>) -> Text<'a> {
    let relative = rest.complete
        && !rest.known.starts_with("//")
        && !rest.known.contains(':')
        && !rest.known.contains(|c: char| c <= ' ' || c == '\\');
    if relative {
        // Only the host of it is sure, and of a base that is not complete not even that.
        if base.complete {
            Text { complete: false, ..base.clone().join(&Text::complete("/")) }
        } else {
            base.clone()
        }
    } else {
        Text { complete: false, ..Text::complete("") }
    }
}

/// Whether a URL has a scheme and a host of its own, so that no base counts.
fn is_absolute_url(url: &Text<'_>) -> bool {
    url.known.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric())
    })
}
