//! What a program can reach ([`Capabilities`]) as one page for a browser.
//!
//! The page is a table, modules by capability, that can be read without running anything. Its
//! script adds search, filters and the way behind each cell, with the rows of source around each
//! step. It is one file: it asks for nothing from anywhere, and its own content security policy
//! would not let it.
//!
//! Every name, path and row of source is from code that is not trusted. In markup all of them go
//! through [`Markup`]; in the data for the script no character is left that means something to an
//! HTML parser; the script puts them into the page as text only. What would run all the same lacks
//! the nonce: it is made of the whole content, so that no part of the content can name it.
//!
//! The page holds no time and no path but the shown ones, so that the same program gives the same
//! bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::io::{self, Write};

use hermetic_policy::Capability;

use super::capabilities::{Granularity, plural, unanalysed};
use super::escape::{Escaped, grouped};
use crate::capabilities::{Capabilities, Entry, Reach, Scope, When};
use crate::source::Source;
use data::{Data, MOST_BYTES};

mod data;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Modules in the table; with ten cells each, a browser still scrolls them.
const MOST_MODULES: usize = 10_000;
/// Files that are listed as not analysed.
const MOST_UNANALYSED: usize = 1000;

/// Where the page takes the rows around a step from.
pub trait Sources {
    /// The decoded file that is shown under this path; `None` where it cannot be had (any more),
    /// and then its steps are told without an excerpt.
    fn source(&self, path: &str) -> Option<Source>;
}

/// Write the page: packages and, unless only those are wanted, modules.
///
/// # Errors
/// Those of `out`.
pub fn write(
    out: &mut impl Write,
    capabilities: &Capabilities,
    granularity: Granularity,
    sources: &impl Sources,
) -> io::Result<()> {
    write_bounded(out, capabilities, granularity, sources, MOST_MODULES, MOST_BYTES)
}

fn write_bounded(
    out: &mut impl Write,
    capabilities: &Capabilities,
    granularity: Granularity,
    sources: &impl Sources,
    most_modules: usize,
    most_bytes: usize,
) -> io::Result<()> {
    let rows = Rows::of(capabilities, granularity, most_modules);
    let columns: Vec<Reach> = Capability::ALL
        .into_iter()
        .map(Reach::Capability)
        .chain([Reach::Unresolved])
        .filter(|reach| *reach == Reach::Unresolved || rows.by_reach.contains_key(reach))
        .collect();
    let mut data = Data::new(&columns);
    let table = table(&rows, &columns, &mut data);
    data.read(sources, most_bytes);
    let head = head(capabilities, granularity, &rows, &columns, &data);
    let json = data.json()?;
    let nonce = {
        let mut hasher = blake3::Hasher::new();
        for part in [&head, &table, &json] {
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex()
    };
    write!(
        out,
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; \
         form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"hermetic-check\">\n\
         <title>What the program can reach</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <style nonce=\"{nonce}\">\n{STYLE}</style>\n\
         </head>\n\
         <body>\n{head}<main>\n{table}{DETAIL}</main>\n\
         <script type=\"application/json\" id=\"data\">{json}</script>\n\
         <script nonce=\"{nonce}\">\n{SCRIPT}</script>\n\
         </body>\n</html>\n"
    )?;
    out.flush()
}

/// Where the script shows the way behind a cell.
const DETAIL: &str = "<aside id=\"detail\" aria-labelledby=\"detail-name\" hidden>\n\
    <button type=\"button\" id=\"close\" aria-label=\"close\">\u{d7}</button>\n\
    <h2 id=\"detail-name\" tabindex=\"-1\"></h2>\n<p id=\"detail-what\"></p>\n\
    <ol id=\"steps\"></ol>\n</aside>\n";

/// A row of the table: all that one package or module reaches.
type Cells<'a> = BTreeMap<(Reach, When), &'a Entry>;

/// Modules by name and path.
type Modules<'a> = BTreeMap<(&'a str, &'a str), Cells<'a>>;

/// What the table lists.
#[derive(Default)]
struct Rows<'a> {
    /// Packages by name, each with its modules.
    packages: BTreeMap<&'a str, (Cells<'a>, Modules<'a>)>,
    /// How many modules reach something, those not listed included.
    modules: usize,
    /// How many of them reach each capability, or make calls that could not be followed.
    by_reach: BTreeMap<Reach, usize>,
    /// Modules that are not listed.
    left_out: usize,
}

impl<'a> Rows<'a> {
    fn of(capabilities: &'a Capabilities, granularity: Granularity, most: usize) -> Self {
        let mut rows = Self::default();
        let mut modules = Modules::new();
        for entry in &capabilities.entries {
            let cells = match entry.scope {
                Scope::Package => &mut rows.packages.entry(&entry.name).or_default().0,
                Scope::Module => modules.entry((&entry.name, &entry.path)).or_default(),
                Scope::Class | Scope::Function => continue,
            };
            cells.insert((entry.reach, entry.when), entry);
        }
        rows.modules = modules.len();
        for cells in modules.values() {
            let reached: BTreeSet<Reach> = cells.keys().map(|(reach, _)| *reach).collect();
            for reach in reached {
                *rows.by_reach.entry(reach).or_default() += 1;
            }
        }
        if granularity == Granularity::Package {
            return rows;
        }
        // Where there are too many, those that reach a capability for certain go first.
        let mut kept: Vec<_> = modules.into_iter().collect();
        kept.sort_by_key(|(_, cells)| cells.keys().all(|(reach, _)| *reach == Reach::Unresolved));
        rows.left_out = kept.len().saturating_sub(most);
        kept.truncate(most);
        for ((name, path), cells) in kept {
            let top = name.split('.').next().unwrap_or_default();
            rows.packages.entry(top).or_default().1.insert((name, path), cells);
        }
        rows
    }
}

/// Headline, numbers, what is told by what, and the script's controls.
fn head(
    capabilities: &Capabilities,
    granularity: Granularity,
    rows: &Rows<'_>,
    columns: &[Reach],
    data: &Data<'_>,
) -> String {
    let mut text =
        String::from("<header>\n<h1>What the program can reach</h1>\n<p class=\"numbers\">");
    let (files, calls) = (capabilities.files, capabilities.unresolved);
    let quiet = files.saturating_sub(rows.modules as u64);
    add(&mut text, format_args!("<b>{}</b> {}, ", grouped(files), plural(files, "file")));
    add(
        &mut text,
        format_args!("<b>{}</b> of them reach something, ", grouped(rows.modules as u64)),
    );
    add(&mut text, format_args!("<b>{}</b> reach nothing and have no row; ", grouped(quiet)));
    add(
        &mut text,
        format_args!(
            "<b>{}</b> {} could not be followed</p>\n",
            grouped(calls),
            plural(calls, "call")
        ),
    );
    text.push_str(LEGEND);
    let absent: Vec<&str> = Capability::ALL
        .into_iter()
        .filter(|capability| !columns.contains(&Reach::Capability(*capability)))
        .map(Capability::name)
        .collect();
    if !absent.is_empty() {
        let absent = absent.join(", ");
        add(&mut text, format_args!("<p class=\"absent\">Reached by nothing: {absent}.</p>\n"));
    }
    let mut left_out = data.left_out();
    if rows.left_out > 0 {
        left_out.push(format!(
            "{} modules have no row of their own, first those that reach no known capability, then \
             the last by name; the rows of their packages count them, and the report in JSON has \
             them",
            grouped(rows.left_out as u64)
        ));
    }
    if granularity == Granularity::Package {
        left_out.push("modules have no rows, as --granularity package asks".to_owned());
    }
    if !left_out.is_empty() {
        text.push_str("<div class=\"left-out\" id=\"left-out\"><h2>Left out</h2><ul>");
        for line in left_out {
            add(&mut text, format_args!("<li>{}</li>", Markup(&line)));
        }
        text.push_str("</ul></div>\n");
    }
    cautions(&mut text, capabilities);
    text.push_str(
        "<form id=\"filter\" role=\"search\">\n<input id=\"search\" type=\"search\" \
        placeholder=\"module or path  ( / )\" aria-label=\"module or path\" autocomplete=\"off\" \
        spellcheck=\"false\">\n<fieldset id=\"reach\"><legend>reaches</legend>",
    );
    for (column, reach) in columns.iter().enumerate() {
        let count = rows.by_reach.get(reach).copied().unwrap_or_default();
        add(
            &mut text,
            format_args!(
                "<button type=\"button\" aria-pressed=\"false\" data-column=\"{column}\">{} \
                 <small>{}</small></button>",
                reach.name(),
                grouped(count as u64)
            ),
        );
    }
    text.push_str(CONTROLS);
    text
}

const LEGEND: &str = "<p class=\"legend\">\
    <span class=\"i d\">import</span> when the module is imported \
    <span class=\"c d\">call</span> when its code is called \
    <span class=\"c d\">filled</span> its own code does it \
    <span class=\"c\">outlined</span> through code that it calls or imports \
    <span class=\"c u\">12</span> so many calls that could not be followed</p>\n";

const CONTROLS: &str = "</fieldset>\n\
    <fieldset id=\"when\"><legend>when</legend>\
    <label><input type=\"radio\" name=\"when\" value=\"\" checked>any time</label>\
    <label><input type=\"radio\" name=\"when\" value=\"0\">on import</label>\
    <label><input type=\"radio\" name=\"when\" value=\"1\">if called</label></fieldset>\n\
    <label class=\"check\"><input type=\"checkbox\" id=\"direct\">own code only</label>\n\
    <output id=\"count\"></output>\n</form>\n</header>\n";

/// What makes the report less sure: shared names, and files that were not analysed.
fn cautions(text: &mut String, capabilities: &Capabilities) {
    for note in &capabilities.notes {
        add(text, format_args!("<p class=\"note\">Note: {}.</p>\n", Markup(note)));
    }
    let all = capabilities.not_analysed.len();
    if all == 0 {
        return;
    }
    add(
        text,
        format_args!(
            "<details class=\"not-analysed\"><summary><b>{}</b> {} not analysed in whole; what \
             {} reach may be more than is told</summary><ul>",
            grouped(all as u64),
            if all == 1 { "file was" } else { "files were" },
            if all == 1 { "it can" } else { "they can" },
        ),
    );
    for line in unanalysed(capabilities).take(MOST_UNANALYSED) {
        add(text, format_args!("<li>{}</li>", Markup(&line)));
    }
    if all > MOST_UNANALYSED {
        add(text, format_args!("<li>{} more</li>", grouped((all - MOST_UNANALYSED) as u64)));
    }
    text.push_str("</ul></details>\n");
}

fn table<'a>(rows: &Rows<'a>, columns: &[Reach], data: &mut Data<'a>) -> String {
    let mut text = String::from(
        "<div class=\"scroll\" tabindex=\"-1\"><table id=\"matrix\">\n<thead><tr>\
         <th scope=\"col\">package or module \
         <button type=\"button\" id=\"unfold\">unfold all</button></th>",
    );
    for reach in columns {
        add(&mut text, format_args!("<th scope=\"col\">{}</th>", reach.name()));
    }
    text.push_str("</tr></thead>\n");
    for (package, (cells, modules)) in &rows.packages {
        let alone = modules.len() == 1 && modules.keys().all(|(name, _)| name == package);
        text.push_str("<tbody><tr class=\"package\"><th scope=\"row\"");
        if modules.is_empty() || alone {
            let path = modules.keys().next().map_or("", |(_, path)| path);
            add(
                &mut text,
                format_args!(" title=\"{0}\"><span>{1}</span></th>", Markup(path), Markup(package)),
            );
        } else {
            add(
                &mut text,
                format_args!(
                    "><button type=\"button\" class=\"fold\" aria-expanded=\"true\">{}</button> \
                     <small>{} {}</small></th>",
                    Markup(package),
                    grouped(modules.len() as u64),
                    plural(modules.len() as u64, "module")
                ),
            );
        }
        row(&mut text, cells, columns, data);
        text.push_str("</tbody>\n");
        if modules.is_empty() || alone {
            continue;
        }
        text.push_str("<tbody class=\"modules\">\n");
        for ((name, path), cells) in modules {
            add(
                &mut text,
                format_args!(
                    "<tr><th scope=\"row\" title=\"{}\"><span>{}</span></th>",
                    Markup(path),
                    Markup(name)
                ),
            );
            row(&mut text, cells, columns, data);
        }
        text.push_str("</tbody>\n");
    }
    if rows.packages.is_empty() {
        let wide = columns.len() + 1;
        add(
            &mut text,
            format_args!(
                "<tbody><tr><td colspan=\"{wide}\">no capability reached</td></tr></tbody>\n"
            ),
        );
    }
    text.push_str("</table></div>\n");
    text
}

/// The cells of a row, and its end.
fn row<'a>(text: &mut String, cells: &Cells<'a>, columns: &[Reach], data: &mut Data<'a>) {
    for (column, reach) in columns.iter().enumerate() {
        text.push_str("<td>");
        for when in [When::Import, When::Call] {
            let Some(entry) = cells.get(&(*reach, when)) else { continue };
            let number = data.add(column, entry);
            let class = match (when, *reach == Reach::Unresolved, entry.direct) {
                (When::Import, true, _) => "i u",
                (When::Call, true, _) => "c u",
                (When::Import, false, true) => "i d",
                (When::Call, false, true) => "c d",
                (When::Import, false, false) => "i",
                (When::Call, false, false) => "c",
            };
            add(
                text,
                format_args!("<button type=\"button\" class=\"{class}\" data-e=\"{number}\">"),
            );
            if *reach == Reach::Unresolved {
                text.push_str(&grouped(u64::from(entry.count)));
            } else {
                text.push_str(when.name());
            }
            text.push_str("</button>");
        }
        text.push_str("</td>");
    }
    text.push_str("</tr>\n");
}

/// Text of the program in markup: as an element's content, or as an attribute in quotation marks.
struct Markup<'a>(&'a str);

impl fmt::Display for Markup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Marking(f), "{}", Escaped(self.0))
    }
}

/// Writes what HTML would take for its own as character references.
struct Marking<'f, 'g>(&'f mut fmt::Formatter<'g>);

impl fmt::Write for Marking<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '`']) {
            let (before, from) = rest.split_at(at);
            self.0.write_str(before)?;
            let mut after = from.chars();
            if let Some(special) = after.next() {
                write!(self.0, "&#{};", u32::from(special))?;
            }
            rest = after.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Append to a text, which takes whatever is written to it.
fn add(text: &mut String, what: fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests;
