//! `conclave-loadtest run`: a run from its beginning to its report and its exit code.

use std::process::ExitCode;
use std::sync::Arc;

use super::run_arguments::RunArguments;
use super::run_course::{BY_HAND, Course, Looks};
use super::{print, run_setup as setup, tell, unusable, verdict};
use crate::measure::Measures;
use crate::memory::MemoryLog;
use crate::report::Run;
use crate::report::context::Context;
use crate::report::model::{Document, Report, Verdict};
use crate::report::output::OutputArguments;

/// Runs a scenario, from its beginning to the exit code.
pub(super) async fn run(arguments: RunArguments) -> ExitCode {
    let course = match prepare(arguments).await {
        Ok(course) => course,
        Err(message) => return unusable(&message),
    };
    let (arguments, measures) = (course.arguments.clone(), Arc::clone(&course.measures));
    let (run, memory) = course.play().await;
    let written = plot(&arguments, memory.as_ref());
    match deliver(&arguments.output, run, &measures, written).await {
        Ok(document) => outcome(&document, &measures),
        Err(message) => unusable(&message),
    }
}

/// Everything up to the moment before the first participant comes; browsers are in.
async fn prepare(arguments: RunArguments) -> Result<Course, String> {
    let (server, room) = setup::prepare(&arguments).await?;
    let link = room.link(&server);
    if arguments.room.is_none() {
        // On stderr, for stdout may be the JSON.
        tell(&format!("Join the bots at {link}"));
    }
    let context = Context::new(arguments.scenario.0.name, arguments.settings(&server));
    let before = Looks::take(&arguments, &server).await;
    let measures = Arc::new(Measures::default());
    let crowd = setup::crowd(&arguments, &server, room, &measures)?;
    if crowd.engine().is_some() {
        setup::time_bare_way(&server, &measures).await;
    }
    // They are in before the others come, so that they see it all.
    let browsers = setup::open_browsers(&arguments, &link, &measures)
        .await
        .map_err(|error| error.to_string())?;
    Ok(Course {
        arguments,
        server,
        context,
        measures,
        crowd,
        browsers,
        before,
    })
}

/// Judges the run and tells it in every way that was asked for.
async fn deliver(
    output: &OutputArguments,
    run: Run,
    measures: &Measures,
    written: Result<(), String>,
) -> Result<Document, String> {
    let mut document = Document::Run(Box::new(Report::new(run, measures)));
    output.judge(&mut document);
    written?;
    print(&output.deliver(&document, tables(&document)).await?);
    Ok(document)
}

/// The exit code, and on stderr why it is not 0.
fn outcome(document: &Document, measures: &Measures) -> ExitCode {
    let failed: Vec<String> = document
        .verdicts()
        .iter()
        .filter(|verdict| verdict.failed)
        .map(Verdict::words)
        .collect();
    // A scenario that could not be played is no result; one that was ended by a person is.
    if let Some(reason) = &document.context().partial_reason
        && reason != BY_HAND
    {
        return unusable(reason);
    }
    let (started, joined) = (measures.kinds.started(), measures.kinds.joined());
    let problems = measures.problems();
    if failed.is_empty() && joined < started && !document.context().partial {
        let why = problems
            .first()
            .map_or_else(String::new, |problem| format!(" ({problem})"));
        return unusable(&format!(
            "{} of {started} participants did not get in{why}",
            started - joined
        ));
    }
    verdict(failed)
}

fn plot(arguments: &RunArguments, memory: Option<&MemoryLog>) -> Result<(), String> {
    let (Some(path), Some(memory)) = (&arguments.memory_plot, memory) else {
        return Ok(());
    };
    let title = format!(
        "{}, {} participants at a time",
        arguments.scenario.0.name,
        arguments.cast().speakers()
    );
    memory.plot(path, &title)
}

/// The table, and the line of JSON about memory if it was watched.
fn tables(document: &Document) -> String {
    let table = document.table();
    let Document::Run(report) = document else {
        return table;
    };
    let Some(memory) = report.brief.memory else {
        return table;
    };
    let line = serde_json::json!({
        "figure": "rss_growth",
        "value": memory.growth_mb,
        "unit": "MiB",
        "command": report.context.command,
        "duration_s": report.context.duration_s,
        "participants_started": report.brief.participants_started,
        "memory": memory,
    });
    format!("{table}{line}\n")
}
