//! `--generate`: the man page and the completions of shells, made from the command line itself.

use std::io::{self, Write};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::{Args, Generated};
use crate::diff::DiffArgs;
use crate::shards::MergeArgs;

/// Everything there is to complete. What is a command as the first word only is one for shells.
fn command() -> Command {
    Args::command()
        .subcommand(DiffArgs::command().name("diff").display_name("diff"))
        .subcommand(MergeArgs::command().name("merge").display_name("merge"))
        .disable_help_subcommand(true)
}

/// Write it.
pub(crate) fn write(wanted: Generated, out: &mut impl Write) -> io::Result<()> {
    let shell = match wanted {
        Generated::Man => return man(out),
        Generated::CompleteBash => Shell::Bash,
        Generated::CompleteElvish => Shell::Elvish,
        Generated::CompleteFish => Shell::Fish,
        Generated::CompletePowershell => Shell::PowerShell,
        Generated::CompleteZsh => Shell::Zsh,
    };
    // It panics where it cannot write; memory can be written.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "hermetic-check", &mut text);
    out.write_all(&text)
}

/// One page with all three commands, each under its own heading.
fn man(out: &mut impl Write) -> io::Result<()> {
    let page = Man::new(Args::command());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    for (heading, command) in [("DIFF", DiffArgs::command()), ("MERGE", MergeArgs::command())] {
        let page = Man::new(command);
        let mut text = Vec::new();
        writeln!(text, ".SH {heading}")?;
        let mut sections = Vec::new();
        page.render_synopsis_section(&mut sections)?;
        page.render_description_section(&mut sections)?;
        page.render_options_section(&mut sections)?;
        let sections = String::from_utf8_lossy(&sections);
        // Headings of a command of its own are below that of the command.
        text.write_all(
            sections.replace("\n.SH ", "\n.SS ").replacen(".SH ", ".SS ", 1).as_bytes(),
        )?;
        out.write_all(&text)?;
    }
    page.render_extra_section(out)?;
    page.render_version_section(out)
}
