//! When the ratchet tree needs healing, and by whom.
//!
//! Pathless joins leave parents blank, and a commit with a path must then encrypt to every leaf below them: megabytes
//! at a thousand members. An update by a few leaves, far apart, fills the upper parents again, so the leaves take turns
//! in bit-reversed order.

use conclave_wire::id::LeafIndex;

use super::tls::Reader;

/// How much a path costs from each leaf of a tree.
pub(crate) struct Shape {
    leaves: Vec<bool>,
    /// Per node of the array representation (RFC 9420, appendix C): the size of its resolution.
    resolutions: Vec<usize>,
}

impl Shape {
    /// Reads a serialized ratchet tree (RFC 9420 §12.4.3.3); `None` if it is none.
    pub(crate) fn parse(tree: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(tree);
        let mut nodes = Reader::new(reader.vector()?);
        let mut occupancy = Vec::new();
        while !nodes.is_empty() {
            occupancy.push(read_node(&mut nodes)?);
        }
        // The trailing blanks are not serialized: the tree is the next full one.
        let leaves = occupancy.len().div_ceil(2).next_power_of_two();
        occupancy.resize(2 * leaves - 1, None);
        let mut resolutions = vec![0; occupancy.len()];
        for level in 0..=leaves.ilog2() {
            for index in nodes_of_level(level, leaves) {
                let children = children(index, level)
                    .map(|children| children.map(|child| resolutions.get(child).copied().unwrap_or(0)));
                let size = match occupancy.get(index)? {
                    Some(unmerged) => 1 + unmerged,
                    None => children.map_or(0, |[left, right]| left + right),
                };
                *resolutions.get_mut(index)? = size;
            }
        }
        let leaves = occupancy.iter().step_by(2).map(Option::is_some).collect();
        Some(Self { leaves, resolutions })
    }

    /// The most ciphertexts that a path from any occupied leaf carries.
    pub(crate) fn worst_copath(&self) -> usize {
        let occupied = self.leaves.iter().enumerate().filter(|(_, occupied)| **occupied);
        occupied.map(|(leaf, _)| self.copath(leaf)).max().unwrap_or(0)
    }

    fn copath(&self, leaf: usize) -> usize {
        let mut index = 2 * leaf;
        let mut total = 0;
        for level in 0..self.leaves.len().ilog2() {
            let step = 1 << level;
            let is_left = (index >> (level + 1)) & 1 == 0;
            let (sibling, parent) = if is_left {
                (index + 2 * step, index + step)
            } else {
                (index - 2 * step, index - step)
            };
            total += self.resolutions.get(sibling).copied().unwrap_or(0);
            index = parent;
        }
        total
    }
}

/// The leaf that heals at this turn: `turn` with its bits reversed, among `leaves` places (a power of two).
pub(crate) fn leaf_of_turn(turn: u32, leaves: u32) -> LeafIndex {
    let bits = leaves.max(1).ilog2();
    let turn = turn % leaves.max(1);
    LeafIndex(if bits == 0 {
        0
    } else {
        turn.reverse_bits() >> (u32::BITS - bits)
    })
}

fn nodes_of_level(level: u32, leaves: usize) -> impl Iterator<Item = usize> {
    let first = (1_usize << level) - 1;
    (first..2 * leaves - 1).step_by(2_usize << level)
}

fn children(index: usize, level: u32) -> Option<[usize; 2]> {
    let half = 1_usize << level.checked_sub(1)?;
    Some([index - half, index + half])
}

/// One `optional<Node>`: outside `None` for bytes that are none, inside the number of unmerged leaves.
fn read_node(reader: &mut Reader<'_>) -> Option<Option<usize>> {
    match reader.u8()? {
        0 => Some(None),
        1 => match reader.u8()? {
            1 => read_leaf(reader).map(|()| Some(0)),
            2 => {
                let _encryption_key = reader.vector()?;
                let _parent_hash = reader.vector()?;
                Some(Some(reader.vector()?.len() / 4))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Skips a LeafNode (RFC 9420 §7.2).
fn read_leaf(reader: &mut Reader<'_>) -> Option<()> {
    const BASIC: u16 = 1;
    const KEY_PACKAGE: u8 = 1;
    const UPDATE: u8 = 2;
    const COMMIT: u8 = 3;
    let _encryption_key = reader.vector()?;
    let _signature_key = reader.vector()?;
    if reader.u16()? != BASIC {
        return None;
    }
    let _identity = reader.vector()?;
    for _capability in 0..5 {
        reader.vector()?;
    }
    match reader.u8()? {
        KEY_PACKAGE => reader.take(16).map(|_lifetime| ())?,
        UPDATE => {}
        COMMIT => reader.vector().map(|_parent_hash| ())?,
        _ => return None,
    }
    let _extensions = reader.vector()?;
    let _signature = reader.vector()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::tls::put_vector;

    fn leaf() -> Vec<u8> {
        let mut node = vec![1, 1];
        put_vector(&mut node, b"encryption").unwrap();
        put_vector(&mut node, b"signature").unwrap();
        node.extend([0, 1]);
        put_vector(&mut node, b"identity").unwrap();
        (0..5).for_each(|_| put_vector(&mut node, &[]).unwrap());
        node.push(2);
        put_vector(&mut node, &[]).unwrap();
        put_vector(&mut node, b"signature").unwrap();
        node
    }

    fn parent(unmerged: u32) -> Vec<u8> {
        let mut node = vec![1, 2];
        put_vector(&mut node, b"encryption").unwrap();
        put_vector(&mut node, &[]).unwrap();
        let leaves: Vec<u8> = (0..unmerged).flat_map(u32::to_be_bytes).collect();
        put_vector(&mut node, &leaves).unwrap();
        node
    }

    fn tree(nodes: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_vector(&mut bytes, &nodes.concat()).unwrap();
        bytes
    }

    #[test]
    fn in_a_tree_without_parents_a_path_encrypts_to_every_other_leaf() {
        let nodes = [leaf(), vec![0], leaf(), vec![0], leaf(), vec![0], leaf()];
        assert_eq!(Shape::parse(&tree(&nodes)).unwrap().worst_copath(), 3);
    }

    #[test]
    fn a_full_parent_stands_for_the_leaves_below_it_and_its_unmerged_leaves_do_not() {
        let merged = [leaf(), parent(0), leaf(), vec![0], leaf(), parent(0), leaf()];
        assert_eq!(Shape::parse(&tree(&merged)).unwrap().worst_copath(), 2);
        let unmerged = [leaf(), parent(1), leaf(), vec![0], leaf(), parent(0), leaf()];
        assert_eq!(Shape::parse(&tree(&unmerged)).unwrap().worst_copath(), 3);
    }

    #[test]
    fn trailing_blanks_are_counted_as_blank() {
        let nodes = [leaf(), vec![0], leaf(), vec![0], leaf()];
        assert_eq!(Shape::parse(&tree(&nodes)).unwrap().worst_copath(), 2);
        assert_eq!(Shape::parse(&tree(&[leaf()])).unwrap().worst_copath(), 0);
    }

    #[test]
    fn turns_visit_every_leaf_once_and_far_apart() {
        let order: Vec<u32> = (0..8).map(|turn| leaf_of_turn(turn, 8).0).collect();
        assert_eq!(order, [0, 4, 2, 6, 1, 5, 3, 7]);
        assert_eq!(leaf_of_turn(5, 1), LeafIndex(0));
    }

    #[test]
    fn no_bytes_make_the_parser_fail_otherwise_than_by_none() {
        let valid = tree(&[leaf(), parent(3), leaf()]);
        for len in 0..valid.len() {
            assert!(Shape::parse(&valid[..len]).is_none());
        }
    }
}
