//! The program `clew`.

use clap::Parser as _;
use server::config::{Cli, Command};
use server::demo;
use std::process::ExitCode;
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
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate()).map_err(|error| error.to_string())?,
        signal(SignalKind::interrupt()).map_err(|error| error.to_string())?,
    );
    let demo = match cli.command {
        Some(Command::Demo(options)) => Some(options),
        Some(Command::Serve) | None => None,
    };
    if let Some(options) = demo
        && let Some(base) = server::already_running(&cli.config.addr).await
    {
        return demo::tell(&base, options).await;
    }
    let running = server::serve(cli.config).await?;
    if ready_json {
        println!("{}", running.addrs.json());
    }
    let base = running.addrs.base_url();
    tracing::info!("open {base} in a browser");
    let work = async {
        if let Some(options) = demo {
            demo::tell(&base, options).await?;
        }
        std::future::pending().await
    };
    let outcome = tokio::select! {
        failed = work => failed,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    tracing::info!("stopping");
    running.shutdown().await;
    outcome
}
