//! The shortest way of every piece of code to a capability.

use std::collections::VecDeque;

use hermetic_policy::Capability;

use super::Deed;
use crate::link::graph::{Arc, CallGraph, Node};

/// For one capability, how each node comes nearer to it.
///
/// What is handed on while a module is imported is not called by that. So a node has two numbers
/// here: as what runs while a module is imported, and with all it may lead to; an import leads
/// from the one to the other.
pub(super) struct Ways {
    pub(super) capability: Capability,
    /// By number: how many steps it takes, and the arc to go or the deed to do.
    pub(super) next: Vec<Option<(u32, Next)>>,
}

/// A node's number among the ways.
pub(super) fn state(graph: &CallGraph, node: u32, strict: bool) -> usize {
    node as usize + if strict { 0 } else { graph.nodes.len() }
}

/// Where an arc leads from one of its node's two numbers; none if it is not gone from there.
pub(super) fn leads_to(graph: &CallGraph, arc: &Arc, strict: bool) -> Option<usize> {
    let import = matches!(graph.nodes.get(arc.to as usize), Some(Node::Import(_)));
    (!(strict && arc.later)).then(|| state(graph, arc.to, strict || import))
}

#[derive(Clone, Copy)]
pub(super) enum Next {
    /// The arc of this number.
    Arc(u32),
    /// The deed of this number in the node's file.
    Deed(u32),
}

/// Go from every deed backward, so that each node knows its shortest way.
pub(super) fn find_ways(graph: &CallGraph, deeds: &[Vec<Deed>], capability: Capability) -> Ways {
    let mut next: Vec<Option<(u32, Next)>> = vec![None; graph.nodes.len() * 2];
    let mut queue = VecDeque::new();
    for (number, node) in graph.nodes.iter().enumerate() {
        let Some(owner) = node.owner() else { continue };
        let of_file = deeds.get(node.file().0 as usize).map_or(&[] as &[_], Vec::as_slice);
        let first = of_file
            .iter()
            .enumerate()
            .filter(|(_, deed)| deed.owner == owner && deed.capability == capability)
            .min_by_key(|(_, deed)| deed.place);
        let Some((deed, _)) = first else { continue };
        for number in [number, number + graph.nodes.len()] {
            if let Some(slot) = next.get_mut(number) {
                *slot = Some((0, Next::Deed(u32::try_from(deed).unwrap_or(u32::MAX))));
                queue.push_back(number);
            }
        }
    }
    if queue.is_empty() {
        return Ways { capability, next };
    }
    // Arcs by where they lead, those that stand first in front.
    let mut begins = vec![0_u32; graph.nodes.len() + 1];
    for arc in &graph.arcs {
        if let Some(count) = begins.get_mut(arc.to as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for begin in &mut begins {
        sum += *begin;
        *begin = sum;
    }
    let mut slots = begins.clone();
    let mut backward = vec![0_u32; graph.arcs.len()];
    for (number, arc) in graph.arcs.iter().enumerate() {
        if let Some(slot) = slots.get_mut(arc.to as usize) {
            if let Some(place) = backward.get_mut(*slot as usize) {
                *place = u32::try_from(number).unwrap_or(u32::MAX);
            }
            *slot += 1;
        }
    }
    while let Some(at) = queue.pop_front() {
        let Some(Some((steps, _))) = next.get(at).copied() else { continue };
        let node = at % graph.nodes.len();
        let begin = begins.get(node).copied().unwrap_or_default() as usize;
        let end = begins.get(node + 1).copied().unwrap_or_default() as usize;
        for number in backward.get(begin..end).unwrap_or_default() {
            let Some(arc) = graph.arcs.get(*number as usize) else { continue };
            for strict in [true, false] {
                if leads_to(graph, arc, strict) != Some(at) {
                    continue;
                }
                let from = state(graph, arc.from, strict);
                if let Some(slot) = next.get_mut(from)
                    && slot.is_none()
                {
                    *slot = Some((steps + 1, Next::Arc(*number)));
                    queue.push_back(from);
                }
            }
        }
    }
    Ways { capability, next }
}
