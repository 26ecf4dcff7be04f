//! `punt-fuzz TARGET --executions N --seed S`: inputs made from a corpus by mutation, on stable Rust.
//!
//! A run is decided by its seed, so a failure is found again with the command that it prints. There is no guidance
//! by coverage: the corpora are made of the pieces that the parsers decide on, and a million executions take about
//! a second. A target is a file in `target/`; to add one, write it and name it in `target/mod.rs`.

mod mutate;
mod target;

use std::io::{Write as _, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use mutate::Mutator;
use target::Target;

/// Runs a fuzz target.
#[derive(Debug, Parser)]
#[command(name = "punt-fuzz", version)]
struct Arguments {
    /// What is fuzzed.
    target: Target,
    /// How many inputs are tried.
    #[arg(long, default_value_t = 1_000_000)]
    executions: u64,
    /// What decides the inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The longest input, in bytes.
    #[arg(long, default_value_t = 512)]
    max_bytes: usize,
    /// Where an input that fails is written.
    #[arg(long, default_value = "fuzz-failure.bin")]
    failure: PathBuf,
    /// Runs this one input instead.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let target = arguments.target;
    if let Some(path) = &arguments.input {
        target.run(&std::fs::read(path)?);
        return Ok(ExitCode::SUCCESS);
    }
    let begun = Instant::now();
    let mut mutator = Mutator::new(arguments.seed, arguments.max_bytes, target.corpus());
    let mut input = Vec::new();
    for execution in 0..arguments.executions {
        mutator.next_input(&mut input);
        if catch_unwind(AssertUnwindSafe(|| target.run(&input))).is_err() {
            std::fs::write(&arguments.failure, &input)?;
            writeln!(
                stdout(),
                "{target:?} failed at execution {execution} of seed {}: punt-fuzz {} --input {}",
                arguments.seed,
                target.name(),
                arguments.failure.display()
            )?;
            return Ok(ExitCode::FAILURE);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(
        stdout(),
        "{}: {} executions, seed {}, no failure, {seconds:.0} s",
        target.name(),
        arguments.executions,
        arguments.seed
    )?;
    Ok(ExitCode::SUCCESS)
}
