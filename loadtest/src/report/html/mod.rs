//! The report as one HTML file: no request leaves it; light, dark and print; a table beside every chart.

mod changes;
mod chart;
mod comparison;
mod parts;
mod run;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::baseline::Changes;
use super::model::Document;

/// The page of a report, with what changed since another one.
pub fn page(document: &Document, changes: Option<&Changes>) -> String {
    let context = document.context();
    let (title, body) = match document {
        Document::Run(report) => (
            format!("{}: load test", context.scenario),
            run::body(report, changes),
        ),
        Document::Comparison(comparison) => (
            format!("{}: comparison", context.scenario),
            comparison::body(comparison, changes),
        ),
    };
    whole(&title, &body).into_string()
}

fn whole(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Nothing may be fetched, whatever a name in the report says.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { main { (body) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Measures;
    use crate::report::Report;
    use crate::report::model::{Document, Series};
    use crate::report::tests::{comparison, full, run as unfilled};

    fn pages() -> Vec<String> {
        let mut report = full();
        report.series.insert(
            "packets_per_second".to_owned(),
            Series {
                about: "Packets delivered per second".to_owned(),
                unit: "packets/s".to_owned(),
                points: vec![(0.0, Some(1.0)), (1.0, None), (2.0, Some(3.0)), (3.0, Some(4.0))],
            },
        );
        let empty = Report::new(unfilled(), &Measures::default());
        [
            Document::Run(Box::new(report)),
            Document::Run(Box::new(empty)),
            Document::Comparison(Box::new(comparison())),
        ]
        .iter()
        .map(|document| page(document, None))
        .collect()
    }

    #[test]
    fn a_page_asks_nobody_for_anything() {
        for page in pages() {
            for word in ["<script", "<link", "<img", "src=", "url(", "@import", "<iframe"] {
                assert!(!page.contains(word), "{word}");
            }
            // The only addresses are the names of XML namespaces.
            let addresses = page.matches("://").count();
            let namespaces = page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
            assert_eq!(addresses, namespaces);
        }
    }

    #[test]
    fn every_chart_has_words_and_a_table() {
        for page in pages() {
            let charts = page.matches("<figure").count();
            assert_eq!(page.matches("role=\"img\"").count(), charts);
            assert!(page.matches("<table").count() >= charts);
        }
    }

    #[test]
    fn names_from_outside_are_text() {
        let mut report = full();
        report.context.scenario = "<script>alert(1)</script>".to_owned();
        report.brief.problem_list = vec!["<b>Bot</b>".to_owned()];
        report.brief.problems = 1;
        let page = page(&Document::Run(Box::new(report)), None);
        assert!(!page.contains("<script>") && !page.contains("<b>Bot"));
        assert!(page.contains("&lt;b&gt;Bot"));
    }

    #[test]
    fn loss_over_time_is_told_in_per_cent() {
        let mut report = full();
        report.series.insert(
            "loss".to_owned(),
            Series {
                about: "Lost".to_owned(),
                unit: "ratio".to_owned(),
                points: vec![(0.0, Some(0.0)), (1.0, Some(0.25))],
            },
        );
        let page = page(&Document::Run(Box::new(report)), None);
        assert!(
            page.contains("Loss, %") && page.contains("at most 25 %"),
            "{page}"
        );
        assert!(!page.contains("ratio, "));
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let page = page(
            &Document::Run(Box::new(Report::new(unfilled(), &Measures::default()))),
            None,
        );
        assert!(page.contains("no stamped frame was decrypted"));
    }
}
