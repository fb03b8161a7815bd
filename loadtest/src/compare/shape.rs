//! The loads of a comparison: how many publish and how many only watch in each room.

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name on the command line; scenarios of `run` have the same names for the same loads.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Whether everybody publishes, or one in each room.
    pub everybody_publishes: bool,
}

/// All of them.
pub const SHAPES: [Shape; 2] = [
    Shape {
        name: "many-rooms",
        about: "rooms in which everybody sends sound and a picture to everybody",
        everybody_publishes: true,
    },
    Shape {
        name: "webinar",
        about: "rooms in which one sends sound and a picture to all others",
        everybody_publishes: false,
    },
];

impl Shape {
    /// The shape of that name.
    pub fn find(name: &str) -> Option<Self> {
        SHAPES.into_iter().find(|shape| shape.name == name)
    }

    /// Publishers of a room with so many participants. They have its first numbers.
    pub const fn publishers(self, participants: u32) -> u32 {
        if self.everybody_publishes { participants } else { 1 }
    }
}

/// The names and what they mean, a line each.
pub fn list() -> String {
    let lines = SHAPES.map(|shape| format!("  {:<12} {}\n", shape.name, shape.about));
    lines.concat()
}
