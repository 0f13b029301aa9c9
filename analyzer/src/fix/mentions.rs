//! Where the files of a program mention names of each other's modules.
//!
//! A module is known by the last part of its dotted name, as it can be reached by many: relative
//! imports, folders put on the path, packages installed under another name. What merely may be a
//! mention counts as one: it makes a fix unsafe that would have been safe, and that is all.

use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::syntax::visitor::{self, Visitor};
use crate::syntax::{Parsed, ast};

/// Strings longer than this name nothing.
const LONGEST_NAME: usize = 200;

/// The names that are searched for.
#[derive(Clone, Debug, Default)]
pub struct Wanted(FxHashSet<String>);

impl Wanted {
    /// One more name.
    pub fn add(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    /// Whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text may mention one of them, asked before it is parsed.
    pub fn may_be_in(&self, text: &str) -> bool {
        let star = |(at, word): (usize, &str)| {
            let rest = text.get(at + word.len()..).unwrap_or_default();
            rest.trim_start_matches([' ', '\t', '\\', '\n', '\r']).starts_with('*')
        };
        self.0.iter().any(|name| text.contains(name.as_str()))
            || text.match_indices("import").any(star)
    }
}

/// How a name is mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// `from module import name`.
    Import,
    /// `module.name`.
    Attribute,
    /// `"module.name"`, `patch.object(module, "name")`.
    Text,
}

/// What was found. The first place of each is kept.
#[derive(Clone, Debug, Default)]
pub struct Mentions {
    /// By module and name.
    pairs: FxHashMap<(String, String), (How, String)>,
    /// Of a module that is not known.
    anywhere: FxHashMap<String, (How, String)>,
    /// Modules of which everything is imported.
    stars: FxHashMap<String, String>,
}

impl Mentions {
    /// Search a file, which reports call `shown` and which lies at `path`.
    pub fn search(&mut self, parsed: &Parsed, wanted: &Wanted, path: &Path, shown: &str) {
        let mut search = Search {
            wanted,
            path,
            shown,
            found: self,
            modules: FxHashMap::default(),
            attributes: Vec::new(),
            variables: Vec::new(),
            loads: false,
        };
        for body in parsed.bodies() {
            search.visit_body(body);
        }
        search.finish();
    }

    /// Take in what was found in other files. Which place is kept does not hang on the order.
    pub fn join(&mut self, other: Self) {
        fn earlier<K: Eq + std::hash::Hash, V: Ord>(
            into: &mut FxHashMap<K, V>,
            from: FxHashMap<K, V>,
        ) {
            for (key, place) in from {
                match into.get_mut(&key) {
                    Some(known) if *known <= place => {}
                    Some(known) => *known = place,
                    None => drop(into.insert(key, place)),
                }
            }
        }
        earlier(&mut self.pairs, other.pairs);
        earlier(&mut self.anywhere, other.anywhere);
        earlier(&mut self.stars, other.stars);
    }

    /// Why a module's name is not its own affair, if it is not.
    pub(super) fn of(&self, module: &str, name: &str) -> Option<String> {
        let pair = self.pairs.get(&(module.to_owned(), name.to_owned()));
        if let Some((how, place)) = pair.or_else(|| self.anywhere.get(name)) {
            return Some(match how {
                How::Import => format!("{place} imports `{name}` from here, as it seems"),
                How::Attribute => format!("{place} uses `{name}` of this module, as it seems"),
                How::Text => {
                    format!("{place} names `{name}` of this module in a string, as it seems")
                }
            });
        }
        let place = self.stars.get(module)?;
        Some(format!("{place} imports everything from here, as it seems"))
    }
}

/// The last part of a module's dotted name: that of its file, or of the folder of an
/// `__init__.py`.
pub(crate) fn module_of(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_string_lossy();
    if stem != "__init__" {
        return Some(stem.into_owned());
    }
    Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
}

struct Search<'s, 'a> {
    wanted: &'s Wanted,
    path: &'s Path,
    shown: &'s str,
    found: &'s mut Mentions,
    /// What names that imports bind may be, by their last parts.
    modules: FxHashMap<&'a str, FxHashSet<String>>,
    /// Attributes of names, and strings handed over with one: looked at once all imports are seen.
    attributes: Vec<(&'a str, &'a str, How)>,
    /// Names that are given the value of others.
    variables: Vec<(&'a str, &'a str)>,
    /// Modules are loaded by name here, so that any variable may be one.
    loads: bool,
}

impl<'a> Search<'_, 'a> {
    fn wants(&self, name: &str) -> bool {
        self.wanted.0.contains(name)
    }

    fn pair(&mut self, module: &str, name: &str, how: How) {
        if self.wants(name) {
            let key = (module.to_owned(), name.to_owned());
            self.found.pairs.entry(key).or_insert_with(|| (how, self.shown.to_owned()));
        }
    }

    fn anywhere(&mut self, name: &str, how: How) {
        if self.wants(name) {
            let entry = self.found.anywhere.entry(name.to_owned());
            entry.or_insert_with(|| (how, self.shown.to_owned()));
        }
    }

    fn import_from(&mut self, import: &'a ast::StmtImportFrom) {
        let last = if let Some(module) = &import.module {
            module.as_str().rsplit('.').next().map(str::to_owned)
        } else {
            // `from . import name`: of the package this file is in, or one around it.
            let folder = self.path.ancestors().nth(import.level as usize);
            folder.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned())
        };
        for alias in &import.names {
            let name = alias.name.as_str();
            match &last {
                Some(last) if name == "*" => {
                    let entry = self.found.stars.entry(last.clone());
                    entry.or_insert_with(|| self.shown.to_owned());
                }
                Some(last) => self.pair(last, name, How::Import),
                None => self.anywhere(name, How::Import),
            }
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            self.modules.entry(bound).or_default().insert(name.to_owned());
        }
    }

    fn import(&mut self, import: &'a ast::StmtImport) {
        for alias in &import.names {
            let name = alias.name.as_str();
            let (bound, of) = match &alias.asname {
                Some(asname) => (asname.as_str(), name.rsplit('.').next()),
                None => (name.split('.').next().unwrap_or(name), name.split('.').next()),
            };
            self.modules.entry(bound).or_default().insert(of.unwrap_or(name).to_owned());
        }
    }

    /// A name of something: `base.name`, or `base, "name"` among arguments.
    fn member(&mut self, base: &'a ast::Expr, name: &'a str, how: How) {
        if !self.wants(name) {
            return;
        }
        match base {
            ast::Expr::Name(base) => self.attributes.push((base.id.as_str(), name, how)),
            ast::Expr::Attribute(base) => self.pair(base.attr.as_str(), name, how),
            // `import_module("pkg.mod").name`, `sys.modules["pkg.mod"].name`
            ast::Expr::Call(_) | ast::Expr::Subscript(_) => self.anywhere(name, how),
            _ => {}
        }
    }

    /// `"pkg.mod.name"`, `"pkg.mod:name"`, `".name"` behind what is not known.
    fn text(&mut self, text: &str) {
        if text.len() > LONGEST_NAME || text.contains(char::is_whitespace) {
            return;
        }
        let mut parts = text.split(['.', ':']);
        let mut before = parts.next().unwrap_or_default();
        for part in parts {
            let known =
                !before.is_empty() && before.chars().all(|c| c == '_' || c.is_alphanumeric());
            if known {
                self.pair(before, part, How::Text);
            } else {
                self.anywhere(part, How::Text);
            }
            before = part;
        }
    }

    fn call(&mut self, call: &'a ast::ExprCall) {
        let name = match &*call.func {
            ast::Expr::Name(name) => name.id.as_str(),
            ast::Expr::Attribute(attribute) => attribute.attr.as_str(),
            _ => "",
        };
        self.loads |= matches!(
            name,
            "import_module" | "__import__" | "reload" | "load_module" | "module_from_spec"
        );
        let arguments = &call.arguments;
        if let [base, ast::Expr::StringLiteral(name), ..] = &*arguments.args {
            self.member(base, name.value.to_str(), How::Text);
        }
        for keyword in &arguments.keywords {
            if let ast::Expr::StringLiteral(value) = &keyword.value {
                let named = keyword.arg.as_ref().map(ast::Identifier::as_str);
                if matches!(named, Some("name" | "attr" | "attribute")) {
                    self.anywhere(value.value.to_str(), How::Text);
                }
            }
            // `patch.multiple(module, name=...)`
            if let Some(arg) = keyword.arg.as_ref().filter(|_| name == "multiple") {
                self.anywhere(arg.as_str(), How::Text);
            }
        }
    }

    /// `m = pkg.mod`, `m = mod`
    fn assign(&mut self, assign: &'a ast::StmtAssign) {
        for target in &assign.targets {
            let ast::Expr::Name(target) = target else { continue };
            match &*assign.value {
                ast::Expr::Name(value) => {
                    self.variables.push((target.id.as_str(), value.id.as_str()));
                }
                ast::Expr::Attribute(value) => {
                    let modules = self.modules.entry(target.id.as_str()).or_default();
                    modules.insert(value.attr.as_str().to_owned());
                }
                _ => {}
            }
        }
    }

    fn finish(mut self) {
        for (name, value) in std::mem::take(&mut self.variables) {
            if let Some(modules) = self.modules.get(value).cloned() {
                self.modules.entry(name).or_default().extend(modules);
            }
        }
        for (base, name, how) in std::mem::take(&mut self.attributes) {
            match self.modules.get(base).cloned() {
                Some(modules) => {
                    for module in modules {
                        self.pair(&module, name, how);
                    }
                }
                None if matches!(base, "self" | "cls") => {}
                // What a test is handed may be a module.
                None if self.loads || how == How::Text => self.anywhere(name, how),
                None => {}
            }
        }
    }
}

impl<'a> Visitor<'a> for Search<'_, 'a> {
    fn visit_stmt(&mut self, statement: &'a ast::Stmt) {
        match statement {
            ast::Stmt::Import(import) => self.import(import),
            ast::Stmt::ImportFrom(import) => self.import_from(import),
            ast::Stmt::Assign(assign) => {
                self.assign(assign);
                visitor::walk_stmt(self, statement);
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a ast::Expr) {
        match expression {
            ast::Expr::Attribute(attribute) => {
                self.member(&attribute.value, attribute.attr.as_str(), How::Attribute);
            }
            ast::Expr::StringLiteral(string) => self.text(string.value.to_str()),
            ast::Expr::Call(call) => self.call(call),
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a ast::InterpolatedStringElement) {
        if let ast::InterpolatedStringElement::Literal(literal) = element {
            self.text(&literal.value);
        }
        visitor::walk_interpolated_string_element(self, element);
    }
}
