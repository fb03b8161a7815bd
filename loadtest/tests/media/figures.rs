//! The figures of a call: what people noticed of the others.

use std::collections::BTreeMap;

use conclave_wire::media::Source;

use crate::person::Person;
use crate::world::World;

/// How long the end of a call is that is looked at for what is reached, in microseconds.
const END: u64 = 5_000_000;
/// The same of a part of a call.
const SETTLED: u64 = 2_000_000;

/// Figures by name; the unit is in the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures(pub(crate) BTreeMap<String, i64>);

impl Figures {
    /// As everybody saw and heard the others.
    pub(crate) fn of(world: &World) -> Self {
        Self::over(world, &(0..world.people.len()).collect::<Vec<_>>())
    }

    /// As these people did, each pair of sender and receiver counting once.
    pub(crate) fn over(world: &World, watchers: &[usize]) -> Self {
        let people: Vec<&Person> = watchers.iter().map(|who| &world.people[*who]).collect();
        let mut figures = Self::default();
        figures.pictures(world, &people);
        figures.sounds(&people);
        let requests = world
            .people
            .iter()
            .map(|person| person.key_requests.len())
            .sum::<usize>();
        figures.add("key_frame_requests", i64::try_from(requests).unwrap());
        figures
    }

    pub(crate) fn add(&mut self, name: &str, value: i64) {
        self.0.insert(name.to_owned(), value);
    }

    /// Of several runs, figure by figure.
    pub(crate) fn mean(runs: Vec<Self>) -> Self {
        let count = i64::try_from(runs.len()).unwrap();
        let mut sums = Self::default();
        for (name, value) in runs.into_iter().flat_map(|run| run.0) {
            *sums.0.entry(name).or_default() += value;
        }
        sums.0.values_mut().for_each(|sum| *sum /= count);
        sums
    }

    fn pictures(&mut self, world: &World, people: &[&Person]) {
        let watched = || {
            people
                .iter()
                .flat_map(|person| &person.videos)
                .map(|video| &video.watch)
        };
        let freezes = watched().map(|watch| watch.freezes.iter().map(|(from, to)| to - from).sum());
        self.add("freeze_ms", ms(mean(freezes)));
        let longest = watched()
            .flat_map(|watch| watch.freezes.iter().map(|(from, to)| to - from))
            .max();
        self.add("longest_freeze_ms", ms(longest.unwrap_or(0)));
        let firsts: Vec<u64> = people
            .iter()
            .flat_map(|person| first_pictures(world, person))
            .collect();
        self.add("first_picture_ms", ms(mean(firsts.iter().copied())));
        self.add(
            "latest_first_picture_ms",
            ms(firsts.into_iter().max().unwrap_or(0)),
        );
        let at_end = |watch: &'_ crate::person::receiver::Watch| -> Vec<u64> {
            let shown = watch.shown.iter().filter(|(at, _)| at + END > world.now);
            shown.map(|(_, height)| u64::from(*height)).collect()
        };
        let there = || {
            let videos = people.iter().flat_map(|person| &person.videos);
            videos
                .filter(|video| !video.gone && !video.hidden)
                .map(|video| &video.watch)
        };
        let heights = there().map(|watch| median(at_end(watch)));
        self.add("height_lines", signed(mean(heights)));
        let rates = there().map(|watch| u64::try_from(at_end(watch).len()).unwrap() * 1_000_000 / END);
        self.add("frames_per_second", signed(mean(rates)));
        self.add(
            "latency_ms",
            ms(mean(watched().map(|watch| median(watch.latency.clone())))),
        );
    }

    fn sounds(&mut self, people: &[&Person]) {
        let heard = || {
            people
                .iter()
                .flat_map(|person| &person.audios)
                .map(|audio| &audio.listening)
        };
        let gaps = heard().map(crate::person::receiver::Listening::gap);
        self.add("audio_gap_ms", ms(mean(gaps)));
        let longest = heard()
            .flat_map(|listening| listening.gaps.iter().map(|(_, length)| *length))
            .max();
        self.add("longest_audio_gap_ms", ms(longest.unwrap_or(0)));
    }
}

/// Whose picture (second) somebody (first) sees, with how many lines and pictures per second in the last seconds; of who
/// shows it and has been sent it for at least that long.
pub(crate) fn settled(world: &World) -> BTreeMap<(usize, usize), (u64, u64)> {
    let mut settled = BTreeMap::new();
    for (who, person) in world.people.iter().enumerate() {
        for video in person.videos.iter().filter(|video| !video.gone && !video.hidden) {
            let of =
                (0..world.people.len()).find(|of| world.track(who, *of, Source::Camera) == Some(video.track));
            let recent: Vec<u64> = video
                .watch
                .shown
                .iter()
                .filter(|(at, _)| at + SETTLED > world.now)
                .map(|(_, height)| u64::from(*height))
                .collect();
            let rate = u64::try_from(recent.len()).unwrap() * 1_000_000 / SETTLED;
            if let Some(of) = of {
                settled.insert((who, of), (median(recent), rate));
            }
        }
    }
    settled
}

/// Pictures that were decoded though they could not be, and frames of a member's own epochs it could not open. There
/// must be none, whatever the network does.
pub(crate) fn faults(world: &World) -> Vec<String> {
    let mut faults = Vec::new();
    for (who, person) in world.people.iter().enumerate() {
        for video in &person.videos {
            if video.watch.torn > 0 {
                faults.push(format!(
                    "{who} saw {} torn pictures of track {}",
                    video.watch.torn, video.track
                ));
            }
            if !video.undecryptable.is_empty() {
                faults.push(format!(
                    "{who} could not open frames of track {}: {:?}",
                    video.track, video.undecryptable
                ));
            }
        }
        for audio in person
            .audios
            .iter()
            .filter(|audio| !audio.undecryptable.is_empty())
        {
            faults.push(format!(
                "{who} could not open sounds of track {}: {:?}",
                audio.track, audio.undecryptable
            ));
        }
    }
    faults
}

/// For every camera a person watches, how long it took until its first picture, from the moment it could decrypt it
/// and could receive it. A picture that never came took until the end.
fn first_pictures<'a>(world: &'a World, person: &'a Person) -> impl Iterator<Item = u64> + 'a {
    let admitted = person.admitted.map_or(0, |(at, _)| at);
    person
        .videos
        .iter()
        .filter(|video| !video.hidden)
        .map(move |video| {
            let since = video.watch.since.max(admitted);
            let first = video.watch.shown.first().map_or(world.now, |(at, _)| *at);
            first.saturating_sub(since)
        })
}

/// 0 of nothing.
fn mean(values: impl Iterator<Item = u64>) -> u64 {
    let (count, sum) = values.fold((0, 0), |(count, sum), value| (count + 1, sum + value));
    u64::checked_div(sum, count).unwrap_or(0)
}

/// 0 of nothing.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

fn ms(microseconds: u64) -> i64 {
    signed(microseconds / 1000)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap()
}
