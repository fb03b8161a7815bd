//! The server's memory over a run: samples, whether they stay flat, and their plot.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plotters::prelude::{
    BLACK, ChartBuilder, Color as _, IntoDrawingArea as _, LineSeries, PathElement, RED, SVGBackend, WHITE,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::http::Server;
use crate::server_usage;

/// Between two samples.
const PERIOD: Duration = Duration::from_secs(1);
/// After the last participant left, the server may take this long to let go.
const LETTING_GO: Duration = Duration::from_secs(5);
/// The part of a run that is warm-up: pools and tables grow to their size.
const WARM_UP: f64 = 0.2;
/// The part of a run whose median is its level at the beginning (after the warm-up) and at the end.
const LEVEL: f64 = 0.1;
/// Fewer samples than this say nothing about a slope.
const MIN_SAMPLES: usize = 10;
/// What a slope per hour is told from at least, in seconds.
const SLOPE_NEEDS_S: f64 = 300.0;
const MEBIBYTE: f64 = 1_048_576.0;
const PLOT_SIZE: (u32, u32) = (1000, 400);

/// One look at the server.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    /// Since the first sample, in seconds.
    at_s: f64,
    rss_mb: f64,
}

/// The samples of a run.
#[derive(Debug, Default)]
pub struct MemoryLog {
    samples: Vec<Sample>,
    /// When everybody was told to leave, in seconds.
    end_s: Option<f64>,
}

/// Looks at the server every second; a look that fails leaves a gap.
#[derive(Debug)]
pub struct MemoryWatch {
    log: Arc<Mutex<MemoryLog>>,
    task: JoinHandle<()>,
}

/// What the samples say, in mebibytes of resident memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryFigures {
    /// Before the first participant came.
    pub before_mb: f64,
    /// Median of a tenth of the run, after its first fifth: the level to stay at.
    pub warm_mb: f64,
    /// Median of the last tenth.
    pub end_mb: f64,
    /// The most there was.
    pub peak_mb: f64,
    /// After everybody left.
    pub after_mb: f64,
    /// From the level after the warm-up to the end.
    pub growth_mb: f64,
    /// Slope of the straight line through all samples after the warm-up (least squares); null when they cover less than five
    /// minutes, in which pools that fill up look like a leak.
    pub slope_mb_per_hour: Option<f64>,
    /// How long the warm-up was, in seconds.
    pub warm_up_s: f64,
}

impl MemoryWatch {
    /// Begins to look.
    pub fn start(server: Server, pid: Option<u32>) -> Self {
        let log = Arc::new(Mutex::new(MemoryLog::default()));
        let task = tokio::spawn(watch(server, pid, Arc::clone(&log)));
        Self { log, task }
    }

    /// Looks on while everybody leaves and the server lets go of them; returns all that was seen.
    pub async fn end(self, everybody_leaves: impl Future<Output = ()>) -> MemoryLog {
        if let Ok(mut log) = self.log.lock() {
            log.end_s = log.samples.last().map(|sample| sample.at_s);
        }
        everybody_leaves.await;
        sleep(LETTING_GO).await;
        self.task.abort();
        self.log
            .lock()
            .map(|mut log| std::mem::take(&mut *log))
            .unwrap_or_default()
    }
}

async fn watch(server: Server, pid: Option<u32>, log: Arc<Mutex<MemoryLog>>) {
    let started = Instant::now();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let usage = server_usage::look(&server, pid).await;
        if let (Ok(usage), Ok(mut log)) = (usage, log.lock()) {
            log.samples.push(Sample {
                at_s: started.elapsed().as_secs_f64(),
                rss_mb: usage.rss_bytes / MEBIBYTE,
            });
        }
    }
}

impl MemoryLog {
    /// The figures; the error says in words why there are none.
    pub fn figures(&self) -> Result<MemoryFigures, String> {
        figures(&self.samples, self.end_s)
            .ok_or_else(|| format!("{} samples are too few", self.samples.len()))
    }

    /// Writes the samples and the straight line through them as SVG.
    pub fn plot(&self, path: &Path, title: &str) -> Result<(), String> {
        draw(&self.samples, self.figures().ok().as_ref(), path, title)
            .map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn figures(samples: &[Sample], end_s: Option<f64>) -> Option<MemoryFigures> {
    let first = samples.first()?;
    let last = samples.last()?;
    let end = end_s.unwrap_or(last.at_s);
    let between = |from: f64, to: f64| {
        samples
            .iter()
            .filter(move |sample| sample.at_s >= from && sample.at_s <= to)
            .copied()
    };
    let warm = end * WARM_UP;
    let line: Vec<Sample> = between(warm, end).collect();
    if line.len() < MIN_SAMPLES {
        return None;
    }
    let level = |from: f64, to: f64| median(between(from, to).map(|sample| sample.rss_mb).collect());
    let warm_mb = level(warm, warm + end * LEVEL)?;
    let end_mb = level(end - end * LEVEL, end)?;
    Some(MemoryFigures {
        before_mb: rounded(first.rss_mb),
        warm_mb: rounded(warm_mb),
        end_mb: rounded(end_mb),
        peak_mb: rounded(samples.iter().map(|sample| sample.rss_mb).fold(0.0, f64::max)),
        after_mb: rounded(last.rss_mb),
        growth_mb: rounded(end_mb - warm_mb),
        slope_mb_per_hour: (end - warm >= SLOPE_NEEDS_S).then(|| rounded(slope(&line) * 3600.0)),
        warm_up_s: rounded(warm),
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Mebibytes per second of the line with the least squares.
fn slope(samples: &[Sample]) -> f64 {
    let (at, rss) = means(samples);
    let (mut both, mut time) = (0.0, 0.0);
    for sample in samples {
        both += (sample.at_s - at) * (sample.rss_mb - rss);
        time += (sample.at_s - at).powi(2);
    }
    if time > 0.0 { both / time } else { 0.0 }
}

/// Mean time and mean memory.
#[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^53 samples")]
fn means(samples: &[Sample]) -> (f64, f64) {
    let count = samples.len().max(1) as f64;
    let mean = |value: fn(&Sample) -> f64| samples.iter().map(value).sum::<f64>() / count;
    (mean(|sample| sample.at_s), mean(|sample| sample.rss_mb))
}

fn draw(
    samples: &[Sample],
    figures: Option<&MemoryFigures>,
    path: &Path,
    title: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(path, PLOT_SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let end = samples.last().map_or(1.0, |sample| sample.at_s).max(1.0);
    let top = samples.iter().map(|sample| sample.rss_mb).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..end, 0.0..top * 1.15)?;
    chart
        .configure_mesh()
        .x_desc("seconds")
        .y_desc("resident memory of the server, MiB")
        .draw()?;
    let points = samples.iter().map(|sample| (sample.at_s, sample.rss_mb));
    chart
        .draw_series(LineSeries::new(points, &BLACK))?
        .label("memory")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 15, y)], BLACK));
    if let Some((figures, slope)) = figures.and_then(|figures| Some((figures, figures.slope_mb_per_hour?))) {
        let line: Vec<Sample> = samples
            .iter()
            .filter(|sample| sample.at_s >= figures.warm_up_s)
            .copied()
            .collect();
        let (at, rss) = means(&line);
        let on_line = |time: f64| (time, rss + slope / 3600.0 * (time - at));
        let ends = [line.first(), line.last()].into_iter().flatten();
        let label = format!("{slope} MiB per hour");
        chart
            .draw_series(LineSeries::new(ends.map(|sample| on_line(sample.at_s)), &RED))?
            .label(label)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 15, y)], RED));
    }
    chart
        .configure_series_labels()
        .border_style(BLACK)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()?;
    Ok(())
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rss_mb: impl Fn(f64) -> f64) -> Vec<Sample> {
        let times = (0..=1000).map(f64::from);
        times
            .map(|at_s| Sample {
                at_s,
                rss_mb: rss_mb(at_s),
            })
            .collect()
    }

    #[test]
    fn a_warm_up_that_ends_is_no_growth() {
        let figures = figures(&samples(|at| 10.0 + at.min(200.0) / 10.0), None).unwrap();
        assert_eq!(figures.before_mb, 10.0);
        assert_eq!(figures.warm_mb, 30.0);
        assert_eq!(figures.growth_mb, 0.0);
        assert_eq!(figures.slope_mb_per_hour, Some(0.0));
        assert_eq!(figures.warm_up_s, 200.0);
    }

    #[test]
    fn a_leak_is_seen_as_growth_and_slope() {
        let noise = |at: f64| if at % 2.0 == 0.0 { 0.5 } else { -0.5 };
        let figures = figures(&samples(|at| 20.0 + at / 100.0 + noise(at)), None).unwrap();
        let slope = figures.slope_mb_per_hour.unwrap();
        assert!((slope - 36.0).abs() < 0.5, "{figures:?}");
        assert!((figures.growth_mb - 7.0).abs() < 0.2, "{figures:?}");
    }

    #[test]
    fn a_minute_says_nothing_about_an_hour() {
        let minute: Vec<Sample> = samples(|at| 20.0 + at / 100.0).into_iter().take(60).collect();
        let figures = figures(&minute, None).unwrap();
        assert_eq!(figures.slope_mb_per_hour, None);
        assert!(figures.growth_mb > 0.0);
    }

    #[test]
    fn what_comes_after_the_end_is_no_part_of_the_slope() {
        let figures = figures(&samples(|at| if at > 900.0 { 12.0 } else { 30.0 }), Some(900.0)).unwrap();
        assert_eq!(figures.slope_mb_per_hour, Some(0.0));
        assert_eq!((figures.end_mb, figures.after_mb), (30.0, 12.0));
    }

    #[test]
    fn a_few_samples_say_nothing() {
        let few: Vec<Sample> = samples(|_| 1.0).into_iter().take(5).collect();
        assert_eq!(figures(&few, None), None);
        assert_eq!(figures(&[], None), None);
    }

    #[test]
    fn the_plot_is_an_image_with_both_lines() {
        let log = MemoryLog {
            samples: samples(|at| 20.0 + at / 100.0),
            ..MemoryLog::default()
        };
        let path = std::env::temp_dir().join(format!("conclave-plot-{}.svg", std::process::id()));
        log.plot(&path, "a test").unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(
            svg.starts_with("<svg")
                && svg.contains("36 MiB per hour")
                && svg.matches("<polyline").count() >= 2
        );
    }
}
