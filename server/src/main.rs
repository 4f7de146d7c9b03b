//! The program `clew`.

use clap::Parser as _;
use server::config::{Cli, Command};
use server::demo;
use std::process::ExitCode;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("CLEW_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(cpus.max(4)).enable_all().build();
    match runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run(cli))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("clew: {sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), String> {
    let ready_json = cli.config.ready_json;
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate()).map_err(|error| error.to_string())?, signal(SignalKind::interrupt()).map_err(|error| error.to_string())?);
    let demo = match cli.command {
        Some(Command::Demo(options)) => Some(options),
        Some(Command::Serve) | None => None,
    };
    if let Some(options) = demo
        && let Some(base) = server::already_running(&cli.config.addr).await
    {
        return send_demo(&base, options).await;
    }
    let running = server::serve(cli.config).await?;
    if ready_json {
        println!("{}", running.addrs.json());
    }
    let base = running.addrs.base_url();
    tracing::info!("open {base} in a browser");
    if let Some(options) = demo {
        send_demo(&base, options).await?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    running.shutdown().await;
    Ok(())
}

async fn send_demo(base: &str, options: demo::Options) -> Result<(), String> {
    println!("Sending a day of a yarn shop's traffic to {base} ...");
    let begun = Instant::now();
    let sent = demo::send(base, options).await.map_err(|error| format!("{error:#}"))?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} spans in {} requests, {seconds:.1} s; {} rejected. Look at {base}/traces?last=24h", sent.spans, sent.requests, sent.rejected);
    Ok(())
}
