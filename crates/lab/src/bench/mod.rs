//! `mamori-lab bench`: payments a second over real HTTP, with the generator and the server in two processes on the same cores.

mod codes;
mod engine;
mod floor;
mod handwritten;
mod histogram;
mod load;
mod process;
mod product;
mod report;
mod workload;

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use mamori::world::{Chance, Clock, Failure};
use mamori_datastore::sql::Location;
use mamori_domain::ids::Fingerprint;
use mamori_engine::Engine;
use serde::{Deserialize, Serialize};

use floor::Face;
use load::{Arrivals, Moment, Parties, Plan, Tally};
use process::Cost;
use report::{Table, grouped, median, millis};

/// What `mamori-lab bench` takes.
#[derive(Parser)]
pub struct Args {
    /// Length of each measured part, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only the bare floor: the HTTP server and the signature check, nothing behind.
    #[arg(long)]
    floor_only: bool,
    /// The floor under several configurations of the HTTP server, in turns, as ratios to the one in use.
    #[arg(long)]
    floor_sweep: bool,
    /// With `--floor-only`: an open loop of so many requests a second instead of a closed one.
    #[arg(long)]
    rate: Option<u64>,
    /// Only the code formats: how fast they are made and read.
    #[arg(long)]
    codes_only: bool,
    /// Only the hand-written PostgreSQL payment.
    #[arg(long)]
    handwritten_only: bool,
    /// Wallets laid out before; each payment picks one at random.
    #[arg(long, default_value_t = 1_000_000)]
    wallets: u64,
    /// Where stores are made (and removed again): must be the disk that is to be measured. Default: the temporary directory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Only the engine, without HTTP: the journal alone, and with the views kept up.
    #[arg(long)]
    engine: bool,
    /// Past payments laid down before anything is measured.
    #[arg(long, default_value_t = 0)]
    history: u64,
    /// Another store than a fresh directory: `postgres://…` (an empty database), or a directory that is kept and used again.
    #[arg(long, visible_alias = "database")]
    store: Option<String>,
    /// Print the figures as one JSON object on standard output.
    #[arg(long)]
    json: bool,
    /// The rate of the open loop, in payments a second.
    #[arg(long, default_value_t = 10_000)]
    open_rate: u64,
    /// Only the open loop, for the whole time.
    #[arg(long)]
    open_only: bool,
    /// HTTP threads of the server; 0 for as many as it would choose.
    #[arg(long, default_value_t = 0)]
    http_threads: usize,
    /// Compare with a hand-written PostgreSQL payment.
    #[arg(long)]
    compare: bool,
    /// Rounds of `--floor-sweep`.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What the server process takes.
#[derive(Parser)]
pub struct ServeArgs {
    /// A bare floor, instead of the product.
    #[arg(long, value_enum)]
    floor: Option<Face>,
    /// The product's store.
    #[arg(long, visible_alias = "database")]
    store: Option<String>,
    #[arg(long)]
    threads: usize,
}

/// What the server process says when it is ready.
#[derive(Serialize, Deserialize)]
struct Ready {
    address: std::net::SocketAddr,
    /// How long the engine took to open its store.
    start_micros: u64,
}

/// What the server process says when everything durable is in the views.
#[derive(Serialize, Deserialize)]
struct DurableFiles {
    journal_bytes: u64,
    view_bytes: u64,
}

/// The server in a process of its own; ends when its standard input is closed.
struct Server {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    ready: Ready,
}

impl Server {
    fn start(arguments: &[String]) -> Result<Server, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("bench-serve")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = child.stdin.take();
        let mut answers = BufReader::new(
            child
                .stdout
                .take()
                .ok_or("the server has no standard output")?,
        );
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let ready = serde_json::from_str(&line).map_err(|_| "the server did not start")?;
        Ok(Server {
            child,
            commands,
            answers,
            ready,
        })
    }

    fn cost(&self) -> Cost {
        Cost::of(self.child.id())
    }

    /// Waits until the views hold everything that is durable.
    fn await_views(&mut self) -> Result<DurableFiles, Failure> {
        let commands = self.commands.as_mut().ok_or("the server was told to end")?;
        writeln!(commands, "await views")?;
        commands.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|_| "the server ended".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.child.wait();
    }
}

/// Runs as the server process: says when it is ready, answers each line on its standard input, ends when that ends.
pub fn serve(args: ServeArgs, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let mut say = |text: String| writeln!(out, "{text}").and_then(|()| out.flush());
    // The parent's end of the pipe closes with it, however it ends: no server is left behind.
    let lines = std::io::stdin().lines().map_while(Result::ok);
    if let Some(face) = args.floor {
        let (_floor, address) = floor::start(
            face,
            args.threads,
            floor::Door::new(API_KEY, API_SECRET),
            clock,
        )?;
        say(serde_json::to_string(&Ready {
            address,
            start_micros: 0,
        })?)?;
        lines.for_each(drop);
        return Ok(());
    }
    let location = Location::parse(&args.store.ok_or("--store or --floor")?)?;
    let key = (API_KEY.to_owned(), API_SECRET.to_owned());
    let product = product::start(&location, args.threads, key, clock, chance)?;
    say(serde_json::to_string(&Ready {
        address: product.address,
        start_micros: product.start_micros,
    })?)?;
    for _ in lines {
        workload::all_in_views(&product.engine)?;
        let files = location
            .directory()
            .map_or(engine::Files::default(), engine::Files::of);
        say(serde_json::to_string(&DurableFiles {
            journal_bytes: files.journal,
            view_bytes: files.views,
        })?)?;
    }
    product.stop();
    Ok(())
}

/// One measured run and what it cost the server.
struct Measured {
    tally: Tally,
    cost: Cost,
    /// How long the views needed after the last answer to hold everything, in microseconds.
    behind_micros: u64,
}

impl Measured {
    /// Payments a second, the time the views needed to catch up counted in.
    fn kept_up_per_second(&self) -> f64 {
        self.tally.good as f64 * 1e6
            / (self.tally.elapsed_micros + self.behind_micros).max(1) as f64
    }

    /// All requests of the run, its warm-up included.
    fn sent(&self) -> u64 {
        self.tally.answered
    }

    fn cpu_micros_per_payment(&self) -> f64 {
        self.cost.cpu_nanos_sum() as f64 / 1000.0 / self.tally.good.max(1) as f64
    }
}

fn bar(title: String, micros: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:40} {bar:30} {percent:>3}%")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(micros)
        .with_style(style)
        .with_message(title)
}

fn measure(
    server: &Server,
    parties: &Parties,
    plan: Plan,
    echoes_id: bool,
    clock: Clock,
    title: &str,
) -> Result<Measured, Failure> {
    let bar = bar(title.to_owned(), plan.measured_micros);
    let (mut before, mut after) = (Cost::default(), Cost::default());
    let tally = load::run(parties, plan, echoes_id, clock, |moment| match moment {
        Moment::Begins => before = server.cost(),
        Moment::Goes(micros) => bar.set_position(micros),
        Moment::Ends => after = server.cost(),
    })?;
    bar.finish_and_clear();
    Ok(Measured {
        tally,
        cost: after.since(&before),
        behind_micros: 0,
    })
}

/// Runs as `mamori-lab bench`.
pub fn run(args: Args, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let mut seed = [0; 8];
    chance(&mut seed);
    let mut bench = Bench {
        args,
        clock,
        chance,
        choices: load::Choices::from_seed(u64::from_le_bytes(seed)),
    };
    match () {
        () if bench.args.floor_sweep => bench.floor_sweep(),
        () if bench.args.engine => bench.engine_only(),
        () if bench.args.codes_only => bench.codes_only(),
        () if bench.args.handwritten_only => bench.handwritten_only(),
        () if bench.args.floor_only => bench.floor_only(),
        () => bench.product(),
    }
}

struct Bench {
    args: Args,
    clock: Clock,
    chance: Chance,
    choices: load::Choices,
}

/// The key of the benchmark's merchant, and its secret: public, good for nothing but the benchmark's own server.
const API_KEY: &str = "bench-key";
const API_SECRET: &str = "YmVuY2gtc2VjcmV0LWJlbmNoLXNlY3JldC1iZW5jaCE=";

fn parties(server: &Server, wallets: u64) -> Parties {
    Parties {
        address: server.ready.address,
        api_key: API_KEY.to_owned(),
        api_secret: API_SECRET.to_owned(),
        merchant: "1".to_owned(),
        tills: product::tills(),
        wallets,
        authorization: workload::authorization,
    }
}

impl Bench {
    fn start_floor(&self, face: Face, threads: usize) -> Result<Server, Failure> {
        use clap::ValueEnum as _;
        let face = face
            .to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default();
        Server::start(&["--floor", &face, "--threads", &threads.to_string()].map(str::to_owned))
    }

    fn plan(&mut self, connections: usize, arrivals: Arrivals, measured: Duration) -> Plan {
        let micros = measured.as_micros() as u64;
        Plan {
            connections,
            arrivals,
            warm_up_micros: (micros / 5).clamp(200_000, 1_000_000),
            measured_micros: micros,
            seed: self.choices.next(),
        }
    }

    fn directory(&self, name: &str) -> PathBuf {
        let place = self.args.data.clone().unwrap_or_else(std::env::temp_dir);
        place.join(format!("mamori-bench-{}-{name}", std::process::id()))
    }

    fn entropy(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        (self.chance)(&mut bytes);
        bytes
    }

    /// Opens the store that is measured, fresh unless one was named, and lays out what is missing of wallets and history.
    fn open_laid_out(&mut self, key: Fingerprint) -> Result<Engine, Failure> {
        let location = self.location("store")?;
        let engine = Engine::open(engine::config(&location, self.clock, self.entropy()))?;
        let wallets = self.args.wallets;
        let progress = bar(
            format!("laying out {} wallets", grouped(wallets as f64)),
            wallets,
        );
        workload::lay_out(&engine, wallets, key, |done| progress.set_position(done))?;
        progress.finish_and_clear();
        if self.args.history > 0 {
            let progress = bar(
                format!("{} past payments", grouped(self.args.history as f64)),
                self.args.history,
            );
            workload::pay(
                &engine,
                wallets,
                self.args.history,
                self.choices.next(),
                key,
                self.clock,
                |done| progress.set_position(done),
            )?;
            progress.finish_and_clear();
        }
        Ok(engine)
    }

    fn figures(&self) -> Figures {
        let postgres = self
            .args
            .store
            .as_ref()
            .is_some_and(|store| store.starts_with("postgres"));
        Figures {
            store: if postgres { "postgres" } else { "sqlite" },
            payments_per_second: 0.0,
            floor_per_second: None,
            p50_ms: None,
            p99_ms: None,
            p999_ms: None,
            server_cpu_us_per_payment: 0.0,
            bytes_per_payment: 0.0,
            wallets: self.args.wallets,
            seconds: self.args.seconds,
            durable: true,
            handwritten_postgres_per_second: None,
            ratio: None,
        }
    }

    fn location(&self, name: &str) -> Result<Location, Failure> {
        Ok(match &self.args.store {
            Some(store) => Location::parse(store)?,
            None => Location::Directory(self.directory(name)),
        })
    }

    fn engine_only(&mut self) -> Result<(), Failure> {
        let (micros, wallets) = (self.args.seconds * 1_000_000, self.args.wallets);
        let mut table = Table::default();
        if self.args.store.is_none() {
            let place = Fresh(self.directory("journal"));
            let progress = bar("journal alone".to_owned(), micros);
            // All payments stay in memory here: nothing follows that would allow to forget them.
            let (span, seed) = (micros.min(8_000_000), self.choices.next());
            let location = Location::Directory(place.0.clone());
            let run = engine::journal_alone(&location, wallets, span, seed, self.clock, |done| {
                progress.set_position(done)
            })?;
            progress.finish_and_clear();
            table.head(&format!(
                "engine without HTTP, journal alone, {} wallets",
                grouped(wallets as f64)
            ));
            describe_run(&mut table, &run, 150_000.0);
        }
        let _fresh = self
            .args
            .store
            .is_none()
            .then(|| Fresh(self.directory("store")));
        let engine = self.open_laid_out(engine::KEY)?;
        let progress = bar("engine with its views".to_owned(), micros);
        let seeds = [self.choices.next(), self.choices.next()];
        let run = engine::with_views(&engine, wallets, micros, seeds, self.clock, |done| {
            progress.set_position(done)
        })?;
        progress.finish_and_clear();
        table.head(&format!(
            "engine without HTTP, views kept up, {} wallets",
            grouped(wallets as f64)
        ));
        describe_run(&mut table, &run, 50_000.0);
        engine.stop();
        drop(engine);
        let begin = (self.clock.monotonic_micros)();
        let engine = Engine::open(engine::config(
            &self.location("store")?,
            self.clock,
            self.entropy(),
        ))?;
        let start_micros = (self.clock.monotonic_micros)() - begin;
        table.head("start-up");
        let name = format!("with {} wallets", grouped(wallets as f64));
        table.judged(
            name,
            format!("{:.2} s", start_micros as f64 / 1e6),
            "<= 2 s",
            start_micros <= 2_000_000,
        );
        engine.stop();
        let payments = run.payments.max(1) as f64;
        let figures = Figures {
            payments_per_second: run.per_second(),
            server_cpu_us_per_payment: run.cost.cpu_nanos_sum() as f64 / 1000.0 / payments,
            bytes_per_payment: (run.files.journal + run.files.views) as f64 / payments,
            ..self.figures()
        };
        self.tell(&table, &figures)
    }

    fn http_threads(&self) -> usize {
        match self.args.http_threads {
            0 => mamori_server::listen::ListenConfig::default().threads,
            threads => threads,
        }
    }

    fn start_product(&self, store: &str) -> Result<Server, Failure> {
        Server::start(
            &[
                "--store",
                store,
                "--threads",
                &self.http_threads().to_string(),
            ]
            .map(str::to_owned),
        )
    }

    /// The whole: floor and product in turns at both connection counts, the open loop, a lone payment, and what was asked for besides.
    fn product(&mut self) -> Result<(), Failure> {
        let seconds = Duration::from_secs(self.args.seconds);
        let mut table = Table::default();
        let empty = self.resident_when_empty()?;
        let (store, _fresh) = self.store_of_this_run();
        self.open_laid_out(engine::KEY)?.stop();
        let floor = self.start_floor(Face::Listen, self.http_threads())?;
        let mut server = self.start_product(&store)?;
        self.describe_start(&mut table, &server, empty);

        let mut figures = self.figures();
        let closed: &[usize] = if self.args.open_only { &[] } else { &[64, 256] };
        for &connections in closed {
            figures = self.closed_loop(&mut table, &mut server, &floor, connections, seconds)?;
        }
        let span = if self.args.open_only {
            seconds
        } else {
            seconds / 2
        };
        self.open_loop(&mut table, &mut server, span)?;
        self.lone_payment(&mut table, &mut server, seconds)?;
        drop((server, floor));
        codes::run(&mut table, self.clock, &mut self.choices, 200_000)?;
        if self.args.compare {
            self.compare(&mut table, &mut figures)?;
        }
        self.tell(&table, &figures)
    }

    /// The store that was named, or a fresh directory that is gone when the run is over.
    fn store_of_this_run(&self) -> (String, Option<Fresh>) {
        match &self.args.store {
            Some(store) => (store.clone(), None),
            None => {
                let fresh = Fresh(self.directory("store"));
                (fresh.0.display().to_string(), Some(fresh))
            }
        }
    }

    fn describe_start(&self, table: &mut Table, server: &Server, empty: u64) {
        let wallets = self.args.wallets as f64;
        table.head(&format!(
            "store: {}, {} wallets",
            self.figures().store,
            grouped(wallets)
        ));
        let start = server.ready.start_micros;
        table.judged(
            "start-up",
            format!("{:.2} s", start as f64 / 1e6),
            "<= 2 s",
            start <= 2_000_000,
        );
        let per_wallet = server.cost().resident_bytes.saturating_sub(empty) as f64 / wallets;
        table.judged(
            "memory per wallet",
            format!("{per_wallet:.0} B"),
            "<= 256 B",
            per_wallet <= 256.0,
        );
    }

    /// Payments as fast as they are answered, between two runs of the floor.
    fn closed_loop(
        &mut self,
        table: &mut Table,
        server: &mut Server,
        floor: &Server,
        connections: usize,
        seconds: Duration,
    ) -> Result<Figures, Failure> {
        let before = self.floor_run(floor, connections, seconds / 4)?;
        let files_before = server.await_views()?;
        let run = self.product_run(server, connections, Arrivals::Closed, seconds)?;
        let files_after = server.await_views()?;
        let after = self.floor_run(floor, connections, seconds / 4)?;
        let floor_rate = median(vec![before.tally.per_second(), after.tally.per_second()]);
        let share = run.kept_up_per_second() / floor_rate;
        table.head(&format!(
            "payments, {connections} connections, closed loop, every answer durable, views kept up"
        ));
        describe(table, &run, (connections == 256).then_some(20_000.0));
        table.figure("bare floor beside it", format!("{}/s", grouped(floor_rate)));
        table.figure(
            "its CPU per answer",
            format!("{:.1} us", before.cpu_micros_per_payment()),
        );
        table.judged(
            "share of the floor",
            format!("{:.0} %", share * 100.0),
            ">= 50 %",
            share >= 0.5,
        );
        let sent = run.sent().max(1) as f64;
        let journal = (files_after.journal_bytes - files_before.journal_bytes) as f64 / sent;
        let views = (files_after.view_bytes - files_before.view_bytes) as f64 / sent;
        if files_after.journal_bytes > 0 {
            describe_bytes(table, journal, views);
        }
        Ok(Figures {
            payments_per_second: run.kept_up_per_second(),
            floor_per_second: Some(floor_rate),
            p50_ms: Some(millis(run.tally.latency.quantile(5_000))),
            p99_ms: Some(millis(run.tally.latency.quantile(9_900))),
            p999_ms: Some(millis(run.tally.latency.quantile(9_990))),
            server_cpu_us_per_payment: run.cpu_micros_per_payment(),
            bytes_per_payment: journal + views,
            ..self.figures()
        })
    }

    /// Payments at a rate of their own, whatever the answers do.
    fn open_loop(
        &mut self,
        table: &mut Table,
        server: &mut Server,
        span: Duration,
    ) -> Result<(), Failure> {
        let per_second = self.args.open_rate;
        let run = self.product_run(server, 256, Arrivals::Open { per_second }, span)?;
        table.head(&format!(
            "payments, 256 connections, open loop of {}/s",
            grouped(per_second as f64)
        ));
        describe(table, &run, None);
        let p99 = millis(run.tally.latency.quantile(9_900));
        table.judged(
            "p99 at this rate",
            format!("{p99:.2} ms"),
            "<= 20 ms",
            p99 <= 20.0,
        );
        Ok(())
    }

    fn lone_payment(
        &mut self,
        table: &mut Table,
        server: &mut Server,
        seconds: Duration,
    ) -> Result<(), Failure> {
        let span = Duration::from_secs(3).min(seconds);
        let run = self.product_run(server, 1, Arrivals::Closed, span)?;
        table.head("a lone payment, one connection");
        let p50 = millis(run.tally.latency.quantile(5_000));
        table.judged("p50", format!("{p50:.2} ms"), "<= 2 ms", p50 <= 2.0);
        table.figure(
            "p99",
            format!("{:.2} ms", millis(run.tally.latency.quantile(9_900))),
        );
        Ok(())
    }

    /// The hand-written payment on a PostgreSQL of its own, and how often ours goes into it.
    fn compare(&self, table: &mut Table, figures: &mut Figures) -> Result<(), Failure> {
        let rates = self.handwritten()?;
        let ratio = figures.payments_per_second / rates.plain;
        let target = if figures.store == "postgres" {
            4.0
        } else {
            8.0
        };
        table.head("hand-written PostgreSQL payment, 16 clients, durable");
        table.figure("statements as text", format!("{}/s", grouped(rates.plain)));
        table.judged(
            "ours over it",
            format!("{ratio:.1} x"),
            format!(">= {target} x"),
            ratio >= target,
        );
        table.figure(
            "prepared statements",
            format!("{}/s", grouped(rates.prepared)),
        );
        table.figure(
            "ours over it",
            format!("{:.1} x", figures.payments_per_second / rates.prepared),
        );
        figures.handwritten_postgres_per_second = Some(rates.plain);
        figures.ratio = Some(ratio);
        Ok(())
    }

    /// The table for people; with `--json` the figures for programs.
    fn tell(&self, table: &Table, figures: &Figures) -> Result<(), Failure> {
        eprint!("{}", table.text());
        if self.args.json {
            println!("{}", serde_json::to_string(figures)?);
        }
        Ok(())
    }

    /// Resident bytes of a server whose store is empty.
    fn resident_when_empty(&self) -> Result<u64, Failure> {
        let place = Fresh(self.directory("empty"));
        let server = self.start_product(&place.0.display().to_string())?;
        Ok(server.cost().resident_bytes)
    }

    fn floor_run(
        &mut self,
        floor: &Server,
        connections: usize,
        measured: Duration,
    ) -> Result<Measured, Failure> {
        let plan = self.plan(connections, Arrivals::Closed, measured);
        let title = format!("bare floor, {connections} connections");
        measure(
            floor,
            &parties(floor, self.args.wallets),
            plan,
            false,
            self.clock,
            &title,
        )
    }

    fn product_run(
        &mut self,
        server: &mut Server,
        connections: usize,
        arrivals: Arrivals,
        measured: Duration,
    ) -> Result<Measured, Failure> {
        let plan = self.plan(connections, arrivals, measured);
        let title = format!("payments, {connections} connections");
        let mut run = measure(
            server,
            &parties(server, self.args.wallets),
            plan,
            true,
            self.clock,
            &title,
        )?;
        let begin = (self.clock.monotonic_micros)();
        server.await_views()?;
        run.behind_micros = (self.clock.monotonic_micros)() - begin;
        Ok(run)
    }

    fn codes_only(&mut self) -> Result<(), Failure> {
        let mut table = Table::default();
        codes::run(&mut table, self.clock, &mut self.choices, 500_000)?;
        eprint!("{}", table.text());
        Ok(())
    }

    fn handwritten(&self) -> Result<handwritten::Rates, Failure> {
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(Duration::from_millis(200));
        let directory = self.directory("postgres");
        let rates = handwritten::run(&directory, self.args.wallets, self.args.seconds, |what| {
            spinner.set_message(what.to_owned())
        });
        spinner.finish_and_clear();
        rates
    }

    fn handwritten_only(&mut self) -> Result<(), Failure> {
        let rates = self.handwritten()?;
        let mut table = Table::default();
        table.head("hand-written PostgreSQL payment, 16 clients, durable");
        table.figure(
            "statements as text",
            format!("{} payments/s", grouped(rates.plain)),
        );
        table.figure(
            "prepared statements",
            format!("{} payments/s", grouped(rates.prepared)),
        );
        eprint!("{}", table.text());
        Ok(())
    }

    fn floor_only(&mut self) -> Result<(), Failure> {
        let server = self.start_floor(Face::Listen, self.http_threads())?;
        let parties = parties(&server, self.args.wallets);
        let mut table = Table::default();
        for connections in [64, 256] {
            let arrivals = self
                .args
                .rate
                .map_or(Arrivals::Closed, |per_second| Arrivals::Open { per_second });
            let plan = self.plan(
                connections,
                arrivals,
                Duration::from_secs(self.args.seconds),
            );
            let measured = measure(
                &server,
                &parties,
                plan,
                false,
                self.clock,
                &format!("floor, {connections} connections"),
            )?;
            table.head(&format!(
                "bare floor, {connections} connections, {arrivals:?}"
            ));
            describe(&mut table, &measured, None);
        }
        eprint!("{}", table.text());
        Ok(())
    }

    /// Short runs in turns, ratios within a round, the median of the ratios: a neighbour on the machine disturbs all of a round alike.
    fn floor_sweep(&mut self) -> Result<(), Failure> {
        let variants = [
            (Face::Listen, 1),
            (Face::Listen, 2),
            (Face::ListenAxum, 1),
            (Face::ListenAxum, 2),
            (Face::AxumServe, 1),
            (Face::AxumServe, 2),
            (Face::HyperServe, 1),
            (Face::HyperServe, 2),
        ];
        let mut table = Table::default();
        for connections in [64, 256] {
            let mut runs: Vec<Vec<(f64, f64, u64, u64)>> = vec![Vec::new(); variants.len()];
            for round in 0..self.args.rounds {
                for (variant, (face, threads)) in variants.into_iter().enumerate() {
                    let server = self.start_floor(face, threads)?;
                    let parties = parties(&server, self.args.wallets);
                    let plan = self.plan(
                        connections,
                        Arrivals::Closed,
                        Duration::from_secs(self.args.seconds),
                    );
                    let title = format!(
                        "{connections} connections, round {}, {face:?} {threads}",
                        round + 1
                    );
                    let measured = measure(&server, &parties, plan, false, self.clock, &title)?;
                    if let Some((fault, count)) = measured.tally.others.iter().next() {
                        return Err(format!("{face:?}: {count} answers were {fault}").into());
                    }
                    let latency = &measured.tally.latency;
                    runs[variant].push((
                        measured.tally.per_second(),
                        measured.cpu_micros_per_payment(),
                        latency.quantile(5_000),
                        latency.quantile(9_900),
                    ));
                }
            }
            table.head(&format!(
                "{connections} connections, median of {} rounds",
                self.args.rounds
            ));
            for (variant, (face, threads)) in variants.into_iter().enumerate() {
                let ratio = median(
                    runs[variant]
                        .iter()
                        .zip(&runs[0])
                        .map(|(own, first)| own.0 / first.0)
                        .collect(),
                );
                let of = |pick: fn(&(f64, f64, u64, u64)) -> f64| {
                    median(runs[variant].iter().map(pick).collect())
                };
                table.figure(
                    format!("{face:?}, {threads} thread(s)"),
                    format!(
                        "{:>7}/s  x{ratio:.2}  {:.1} us CPU  p50 {:.2} ms  p99 {:.2} ms",
                        grouped(of(|run| run.0)),
                        of(|run| run.1),
                        of(|run| run.2 as f64) / 1000.0,
                        of(|run| run.3 as f64) / 1000.0,
                    ),
                );
            }
        }
        eprint!("{}", table.text());
        Ok(())
    }
}

/// What `--json` prints. A figure that a run does not measure is null.
#[derive(Serialize)]
struct Figures {
    /// `sqlite` or `postgres`.
    store: &'static str,
    payments_per_second: f64,
    floor_per_second: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    p999_ms: Option<f64>,
    server_cpu_us_per_payment: f64,
    bytes_per_payment: f64,
    wallets: u64,
    seconds: u64,
    /// Whether every answer waited for the disk.
    durable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    handwritten_postgres_per_second: Option<f64>,
    /// Payments a second over those of the hand-written PostgreSQL payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
}

/// A directory of the benchmark's own, removed on drop.
struct Fresh(PathBuf);

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn describe_run(table: &mut Table, run: &engine::Run, target: f64) {
    let payments = run.payments.max(1) as f64;
    let rate = run.per_second();
    table.judged(
        "payments",
        format!("{}/s", grouped(rate)),
        format!(">= {}/s", grouped(target)),
        rate >= target,
    );
    for (thread, nanos) in &run.cost.cpu_nanos {
        let micros = *nanos as f64 / 1000.0 / payments;
        if micros >= 0.05 {
            table.figure(
                format!("CPU per payment, thread {thread}"),
                format!("{micros:.1} us"),
            );
        }
    }
    let bytes = |bytes: u64| bytes as f64 / payments;
    describe_bytes(table, bytes(run.files.journal), bytes(run.files.views));
    table.figure(
        "bytes written to disk per payment",
        format!("{:.0} B", bytes(run.cost.written_bytes)),
    );
}

fn describe_bytes(table: &mut Table, journal: f64, views: f64) {
    table.judged(
        "journal bytes per payment",
        format!("{journal:.0} B"),
        "<= 200 B",
        journal <= 200.0,
    );
    table.judged(
        "view bytes per payment",
        format!("{views:.0} B"),
        "<= 500 B",
        views <= 500.0,
    );
}

fn describe(table: &mut Table, measured: &Measured, target: Option<f64>) {
    let tally = &measured.tally;
    let rate = measured.kept_up_per_second();
    match target {
        Some(target) => {
            table.judged(
                "good answers",
                format!("{}/s", grouped(rate)),
                format!(">= {}/s", grouped(target)),
                rate >= target,
            );
        }
        None => table.figure("good answers", format!("{}/s", grouped(rate))),
    }
    for (name, part) in [("p50", 5_000), ("p99", 9_900), ("p99.9", 9_990)] {
        table.figure(
            name,
            format!("{:.2} ms", millis(tally.latency.quantile(part))),
        );
    }
    table.figure("longest", format!("{:.2} ms", millis(tally.latency.max())));
    let cpu_micros = measured.cpu_micros_per_payment();
    // Judged where the rate is: with few requests waiting, each gets a commit of its own and costs what a commit costs.
    match target {
        Some(_) => table.judged(
            "server CPU per answer",
            format!("{cpu_micros:.1} us"),
            "<= 50 us",
            cpu_micros <= 50.0,
        ),
        None => table.figure("server CPU per answer", format!("{cpu_micros:.1} us")),
    }
    for (thread, nanos) in &measured.cost.cpu_nanos {
        let micros = *nanos as f64 / 1000.0 / tally.good.max(1) as f64;
        if micros >= 0.05 {
            table.figure(
                format!("  of it, {}", part_of(thread)),
                format!("{micros:.1} us"),
            );
        }
    }
    if measured.behind_micros > 0 {
        table.figure(
            "views whole after the last answer",
            format!("{:.0} ms", millis(measured.behind_micros)),
        );
        let written = measured.cost.written_bytes as f64 / tally.good.max(1) as f64;
        table.figure(
            "bytes written to disk per answer",
            format!("{written:.0} B"),
        );
    }
    for (fault, count) in &tally.others {
        table.figure(format!("NOT GOOD: {fault}"), grouped(*count as f64));
    }
}

/// What a thread of the server does, by its name.
fn part_of(thread: &str) -> String {
    match thread {
        "http" => "HTTP, signature, JSON (thread http)".to_owned(),
        "writer" => "decide, apply, journal (thread writer)".to_owned(),
        "projector" => "views (thread projector)".to_owned(),
        other => format!("thread {other}"),
    }
}
