//! Charts as SVG, drawn by plotters, in colours that follow the page: light, dark and print.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{
    ChartBuilder, Color as _, DrawingArea, IntoDrawingArea as _, IntoFont as _, LineSeries, RGBColor,
    SVGBackend, ShapeStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Size of a chart's coordinates; the page scales it.
const WIDE: (u32, u32) = (760, 300);
/// Of one that stands beside another.
const NARROW: (u32, u32) = (440, 230);
/// Height of one bar with its space.
const BAR: u32 = 44;

// Colours that stand for variables of the page's style: no chart uses them for themselves.
const LINES: RGBColor = RGBColor(2, 0, 1);
const TEXT: RGBColor = RGBColor(2, 0, 2);
const SERIES: [RGBColor; 6] = [
    RGBColor(1, 0, 1),
    RGBColor(1, 0, 2),
    RGBColor(1, 0, 3),
    RGBColor(1, 0, 4),
    RGBColor(1, 0, 5),
    RGBColor(1, 0, 6),
];

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Writes a number of an axis.
pub(super) type Label<'a> = &'a dyn Fn(f64) -> String;

/// What both axes say.
pub(super) struct Axes<'a> {
    /// From the left to the right.
    pub(super) x: Range<f64>,
    /// From the bottom to the top.
    pub(super) y: Range<f64>,
    /// Name of the horizontal axis.
    pub(super) x_name: &'a str,
    /// Name of the vertical axis.
    pub(super) y_name: &'a str,
    /// How the horizontal axis writes its numbers.
    pub(super) x_label: Label<'a>,
    /// How many numbers the horizontal axis has, about.
    pub(super) x_labels: usize,
}

/// A line; it has a hole where a value is missing.
pub(super) struct Line {
    /// Which colour.
    pub(super) colour: usize,
    /// Points from the left to the right.
    pub(super) points: Vec<(f64, Option<f64>)>,
    /// Points that are marked: filled when true.
    pub(super) marks: Vec<(f64, f64, bool)>,
}

/// A bar that lies, with a whisker.
pub(super) struct Bar {
    /// Its name.
    pub(super) label: String,
    /// Where it begins.
    pub(super) from: f64,
    /// Where it ends.
    pub(super) to: f64,
    /// The whisker's ends.
    pub(super) whisker: Option<(f64, f64)>,
    /// What stands behind it.
    pub(super) text: String,
    /// Which colour.
    pub(super) colour: usize,
}

/// Lines over two axes.
pub(super) fn lines(axes: &Axes<'_>, lines: &[Line]) -> String {
    svg(WIDE, |area| draw_lines(area, axes, lines))
}

/// The same, for a chart that stands beside another.
pub(super) fn narrow_lines(axes: &Axes<'_>, lines: &[Line]) -> String {
    svg(NARROW, |area| draw_lines(area, axes, lines))
}

/// Bars that lie below each other; `mark` is a line down through all of them.
pub(super) fn bars(name: &str, label: Label<'_>, bars: &[Bar], mark: Option<f64>) -> String {
    let rows = u32::try_from(bars.len()).unwrap_or(1).max(1);
    svg((WIDE.0, rows * BAR + 64), |area| {
        draw_bars(area, name, label, bars, mark)
    })
}

/// The page's colour of a line or a bar, for its legend.
pub(super) fn colour_variable(colour: usize) -> String {
    format!("var(--series-{})", colour % SERIES.len() + 1)
}

fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area).and_then(|()| Ok(area.present()?))
    };
    match drawn {
        Ok(()) => themed(&text),
        // A chart that cannot be drawn is left out; its table beside it says the same.
        Err(_) => String::new(),
    }
}

/// Gives the colours their variables, and lets the page set the size.
fn themed(svg: &str) -> String {
    let mut text = svg.to_owned();
    for (place, RGBColor(red, green, blue)) in SERIES.iter().enumerate() {
        let literal = format!("#{red:02X}{green:02X}{blue:02X}");
        text = text.replace(&literal, &colour_variable(place));
    }
    for (RGBColor(red, green, blue), variable) in [(LINES, "var(--line)"), (TEXT, "var(--soft)")] {
        text = text.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), variable);
    }
    let sized = text
        .find(" viewBox")
        .and_then(|at| Some(format!("<svg aria-hidden=\"true\"{}", text.get(at..)?)));
    sized.unwrap_or(text).replace("font-family=\"sans-serif\"", "")
}

fn colour(place: usize) -> RGBColor {
    SERIES.get(place % SERIES.len()).copied().unwrap_or(TEXT)
}

fn draw_lines(area: &Area<'_>, axes: &Axes<'_>, lines: &[Line]) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin_top(14)
        .margin_right(24)
        .margin_bottom(4)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(axes.x.clone(), axes.y.clone())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(LINES.mix(0.0))
        .bold_line_style(LINES)
        .axis_style(LINES)
        .label_style(("sans-serif", 13).into_font().color(&TEXT))
        .axis_desc_style(("sans-serif", 13).into_font().color(&TEXT))
        .x_desc(axes.x_name)
        .y_desc(axes.y_name)
        .x_labels(axes.x_labels)
        .y_labels(5)
        .x_label_formatter(&|value| (axes.x_label)(*value))
        .y_label_formatter(&|value| short(*value))
        .draw()?;
    for line in lines {
        let style = colour(line.colour);
        for run in runs(&line.points) {
            let floor = axes.y.start;
            if lines.len() == 1
                && let (Some(first), Some(last)) = (run.first(), run.last())
            {
                let mut shape = run.clone();
                shape.extend([(last.0, floor), (first.0, floor)]);
                chart.draw_series([Polygon::new(shape, style.mix(0.12))])?;
            }
            chart.draw_series(LineSeries::new(run, style.stroke_width(2)))?;
        }
        let marks = line.marks.iter().map(|(x, y, filled)| {
            let style = ShapeStyle {
                color: style.to_rgba(),
                filled: *filled,
                stroke_width: 2,
            };
            Circle::new((*x, *y), 5, style)
        });
        chart.draw_series(marks)?;
    }
    Ok(())
}

/// Stretches of points without a hole.
fn runs(points: &[(f64, Option<f64>)]) -> Vec<Vec<(f64, f64)>> {
    points
        .split(|(_, value)| value.is_none())
        .filter(|run| !run.is_empty())
        .map(|run| run.iter().filter_map(|(x, y)| Some((*x, (*y)?))).collect())
        .collect()
}

fn draw_bars(area: &Area<'_>, name: &str, label: Label<'_>, bars: &[Bar], mark: Option<f64>) -> Drawn {
    let furthest = |bar: &Bar| bar.whisker.map_or(bar.to, |(_, high)| high.max(bar.to));
    let end = bars
        .iter()
        .map(furthest)
        .chain(mark)
        .fold(0.0, f64::max)
        .max(f64::MIN_POSITIVE);
    let rows = f64::from(u32::try_from(bars.len()).unwrap_or(u32::MAX));
    let mut chart = ChartBuilder::on(area)
        .margin_top(8)
        .margin_right(24)
        .margin_bottom(4)
        .x_label_area_size(46)
        .y_label_area_size(170)
        .build_cartesian_2d(0.0..end * 1.3, 0.0..rows)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(LINES.mix(0.0))
        .bold_line_style(LINES)
        .axis_style(LINES)
        .label_style(("sans-serif", 13).into_font().color(&TEXT))
        .axis_desc_style(("sans-serif", 13).into_font().color(&TEXT))
        .x_desc(name)
        .x_labels(6)
        .y_labels(0)
        .x_label_formatter(&|value| label(*value))
        .draw()?;
    let left = Pos::new(HPos::Left, VPos::Center);
    let right = Pos::new(HPos::Right, VPos::Center);
    let words = ("sans-serif", 14).into_font().color(&TEXT);
    for (place, bar) in bars.iter().enumerate() {
        let row = rows - f64::from(u32::try_from(place).unwrap_or_default()) - 0.5;
        let style = colour(bar.colour);
        chart.draw_series([Rectangle::new(
            [(bar.from, row - 0.26), (bar.to, row + 0.26)],
            style.filled(),
        )])?;
        if let Some((low, high)) = bar.whisker {
            let line = |from, to| PathElement::new([from, to], TEXT.stroke_width(2));
            chart.draw_series([
                line((low, row), (high, row)),
                line((low, row - 0.12), (low, row + 0.12)),
                line((high, row - 0.12), (high, row + 0.12)),
            ])?;
        }
        let behind = (furthest(bar) + end * 0.015, row);
        chart.draw_series([Text::new(bar.text.clone(), behind, words.pos(left))])?;
        let at = chart.backend_coord(&(0.0, row));
        area.draw(&Text::new(bar.label.clone(), (at.0 - 12, at.1), words.pos(right)))?;
    }
    if let Some(mark) = mark {
        let line = PathElement::new([(mark, 0.0), (mark, rows)], TEXT.stroke_width(2));
        chart.draw_series([line])?;
    }
    Ok(())
}

/// A number with no more digits than a person reads: 1.2, 34, 5.6k, 7.8M.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let (scaled, suffix) = if size >= 1e6 {
        (value / 1e6, "M")
    } else if size >= 1e4 {
        (value / 1e3, "k")
    } else {
        (value, "")
    };
    let digits = match scaled.abs() {
        size if size >= 100.0 || (scaled - scaled.round()).abs() < 1e-9 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 3,
        _ => 6,
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_follows_the_page_and_its_line_has_a_hole_where_a_value_is_missing() {
        let axes = Axes {
            x: 0.0..4.0,
            y: 0.0..10.0,
            x_name: "seconds",
            y_name: "packets",
            x_label: &|value| short(value),
            x_labels: 5,
        };
        let line = |missing: bool| Line {
            colour: 1,
            points: (0..5)
                .map(|at| (f64::from(at), (!missing || at != 2).then_some(3.0)))
                .collect(),
            marks: Vec::new(),
        };
        let polylines = |svg: &str| svg.matches("<polyline").count();
        let (whole, holed) = (lines(&axes, &[line(false)]), lines(&axes, &[line(true)]));
        assert_eq!(polylines(&holed), polylines(&whole) + 1);
        assert!(
            whole.contains("var(--series-2)") && whole.contains("seconds"),
            "{whole}"
        );
        assert!(!whole.contains("#0100") && !whole.contains("#0200"), "{whole}");
        assert!(whole.starts_with("<svg aria-hidden"), "{whole}");
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (0.000_2, "0.0002"),
            (2.456, "2.46"),
            (42.0, "42"),
            (1234.0, "1234"),
            (56_700.0, "56.7k"),
            (8_000_000.0, "8M"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
