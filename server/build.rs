//! Builds the browser bundle and embeds it: `islands` for wasm, wasm-bindgen over it, `style/*.css` in one file and
//! `public/*`, each also compressed, in a table that `src/assets.rs` includes. Cargo alone does all of it.

use anyhow::{Context, Result, bail, ensure};
use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::hash::Hasher;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";
/// Relative to this package. Everything the bundle is made of; a directory counts with all that is in it.
const INPUTS: [&str; 7] = ["../app/islands", "../app/model", "../style", "../public", "../Cargo.lock", "../Cargo.toml", "build.rs"];

fn main() {
    if let Err(error) = embed() {
        println!("cargo::error={}", format!("{error:#}").replace('\n', "; "));
    }
}

fn embed() -> Result<()> {
    for input in INPUTS {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let build = Build::of_profile(&variable("PROFILE")?);

    // Every page works without the bundle, so work on the server need not wait for it: CLEW_BUNDLE=none.
    println!("cargo::rerun-if-env-changed=CLEW_BUNDLE");
    let without = env::var("CLEW_BUNDLE").is_ok_and(|bundle| bundle == "none");
    let Bundle { js, wasm, snippets } = if without { Bundle::none() } else { bind(&build_islands(&out, build)?)? };
    let css = stylesheet(Path::new("../style"))?;
    let name = format!("clew-{:016x}", hash(&[js.as_bytes(), &wasm, css.as_bytes()]));
    // The loader's default path, for whoever calls it without one.
    let js = js.replace("clew_bg.wasm", &format!("{name}_bg.wasm"));

    let mut files = vec![
        Asset::immutable(format!("/pkg/{name}.js"), js.into_bytes()),
        Asset::immutable(format!("/pkg/{name}_bg.wasm"), wasm),
        Asset::immutable(format!("/pkg/{name}.css"), css.into_bytes()),
    ];
    files.extend(snippets);
    files.extend(public(Path::new("../public"))?);
    write_table(&out, &name, &files, build)
}

/// How much effort goes into size.
#[derive(Clone, Copy, PartialEq)]
enum Build {
    /// `cargo build`, `test`, `clippy`: a short edit loop.
    Quick,
    /// `cargo build --release`: what users load.
    Small,
}

impl Build {
    fn of_profile(profile: &str) -> Build {
        if profile == "release" { Build::Small } else { Build::Quick }
    }

    fn cargo_profile(self) -> &'static str {
        match self {
            Build::Quick => "wasm-dev",
            Build::Small => "wasm-release",
        }
    }
}

/// Runs cargo for the wasm target in a target directory of its own (the outer cargo holds the lock of this one) and
/// returns the path of the module.
fn build_islands(out: &Path, build: Build) -> Result<PathBuf> {
    ensure_target_installed()?;
    // OUT_DIR is <target>/<profile>/build/<package>-<hash>/out.
    let target_dir = out.ancestors().nth(4).context("OUT_DIR is not inside a target directory")?.join("wasm");
    let mut cargo = Command::new(variable("CARGO")?);
    for (name, _) in env::vars_os() {
        if steers_the_outer_build(&name) {
            cargo.env_remove(name);
        }
    }
    let done = cargo
        .current_dir("..")
        .args(["build", "--package", "islands", "--lib", "--features", "hydrate", "--target", TARGET])
        .args(["--profile", build.cargo_profile()])
        .arg("--target-dir")
        .arg(&target_dir)
        .status()
        .context("cargo could not be started for the browser bundle")?;
    ensure!(done.success(), "the browser bundle (package `islands` for {TARGET}) does not build: see cargo's messages above");
    Ok(target_dir.join(TARGET).join(build.cargo_profile()).join("islands.wasm"))
}

/// What the outer cargo (or clippy) sets for this package must not reach the inner one; where crates come from
/// and the jobserver, which keeps the two from using twice the cores, must.
fn steers_the_outer_build(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let kept = name == "CARGO_HOME"
        || name == "CARGO_MAKEFLAGS"
        || ["CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_"].iter().any(|prefix| name.starts_with(prefix));
    !kept && (name.starts_with("CARGO") || name.starts_with("RUSTC") || name.starts_with("CLIPPY") || name == "RUSTFLAGS")
}

fn ensure_target_installed() -> Result<()> {
    let output = Command::new(variable("RUSTC")?).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let libdir = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    if !libdir.is_dir() {
        bail!("the target {TARGET} is not installed, and the browser bundle needs it: run `rustup target add {TARGET}`");
    }
    Ok(())
}

/// What wasm-bindgen makes of a module.
struct Bundle {
    js: String,
    wasm: Vec<u8>,
    /// JavaScript that crates carry inline and that `js` imports by path.
    snippets: Vec<Asset>,
}

impl Bundle {
    /// No islands: a module that does nothing, over the smallest valid wasm module.
    fn none() -> Bundle {
        Bundle {
            js: "export default async function init() {}\nexport function hydrate() {}\n".into(),
            wasm: b"\0asm\x01\0\0\0".to_vec(),
            snippets: Vec::new(),
        }
    }
}

fn bind(module: &Path) -> Result<Bundle> {
    let mut output = Bindgen::new()
        .input_path(module)
        .out_name("clew")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .with_context(|| format!("wasm-bindgen failed on {}", module.display()))?;
    let mut snippets = Vec::new();
    // A snippet's folder is named after its crate and a hash of its sources, so the URL follows the content.
    for (folder, scripts) in output.snippets() {
        for (n, script) in scripts.iter().enumerate() {
            snippets.push(Asset::immutable(format!("/pkg/snippets/{folder}/inline{n}.js"), script.clone().into_bytes()));
        }
    }
    for (path, script) in output.local_modules() {
        snippets.push(Asset::immutable(format!("/pkg/snippets/{path}"), script.clone().into_bytes()));
    }
    snippets.sort_by(|a, b| a.url.cmp(&b.url));
    let js = output.js().to_owned();
    Ok(Bundle { js, wasm: output.wasm_mut().emit_wasm(), snippets })
}

/// The partials of `style/` as one file: the tokens first, the others by name.
fn stylesheet(dir: &Path) -> Result<String> {
    let mut partials: Vec<PathBuf> = files_in(dir)?.into_iter().filter(|path| path.extension() == Some(OsStr::new("css"))).collect();
    partials.sort_by_key(|path| (path.file_name() != Some(OsStr::new("tokens.css")), path.clone()));
    let mut css = String::new();
    for partial in partials {
        css += &fs::read_to_string(&partial).with_context(|| partial.display().to_string())?;
        css.push('\n');
    }
    Ok(css)
}

/// The files of `public/`, served under their own names.
fn public(dir: &Path) -> Result<Vec<Asset>> {
    files_in(dir)?
        .into_iter()
        .map(|path| {
            let name = path.file_name().and_then(OsStr::to_str).with_context(|| format!("the name of {} is not UTF-8", path.display()))?;
            let content = fs::read(&path).with_context(|| path.display().to_string())?;
            Ok(Asset { url: format!("/{name}"), content, immutable: false })
        })
        .collect()
}

/// The files of a directory by name, or none if there is no such directory.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let hidden = path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

struct Asset {
    url: String,
    content: Vec<u8>,
    /// Whether the URL changes with the content.
    immutable: bool,
}

impl Asset {
    fn immutable(url: String, content: Vec<u8>) -> Asset {
        Asset { url, content, immutable: true }
    }

    /// By extension; an unknown one is an error here rather than a download there.
    fn content_type(&self) -> Result<&'static str> {
        Ok(match self.url.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("wasm") => "application/wasm",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("ico") => "image/x-icon",
            Some("txt") => "text/plain; charset=utf-8",
            Some("woff2") => "font/woff2",
            Some("webmanifest") => "application/manifest+json",
            _ => bail!("no content type for {}: name one in server/build.rs", self.url),
        })
    }

    fn is_compressed_already(&self) -> bool {
        [".png", ".woff2"].iter().any(|extension| self.url.ends_with(extension))
    }
}

/// Writes every variant of every asset and `assets.rs`, the table that names them.
fn write_table(out: &Path, name: &str, assets: &[Asset], build: Build) -> Result<()> {
    let dir = out.join("assets");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    let mut table = format!("pub const BUNDLE: &str = {name:?};\n\nstatic ASSETS: &[Asset] = &[\n");
    for (n, asset) in assets.iter().enumerate() {
        let embed = |extension: &str, content: &[u8]| -> Result<String> {
            let path = dir.join(format!("{n}{extension}"));
            fs::write(&path, content)?;
            Ok(format!("include_bytes!({path:?})"))
        };
        let variant = |extension: &str, compressed: Vec<u8>| -> Result<String> {
            // A variant that saves nothing costs a header and a decoder.
            if compressed.len() >= asset.content.len() {
                return Ok("None".to_owned());
            }
            Ok(format!("Some({})", embed(extension, &compressed)?))
        };
        let (brotli, gzip) = if asset.is_compressed_already() {
            ("None".to_owned(), "None".to_owned())
        } else {
            (variant(".br", brotli(&asset.content, build)?)?, variant(".gz", gzip(&asset.content, build)?)?)
        };
        writeln!(
            table,
            "    Asset {{ url: {:?}, content_type: {:?}, tag: \"\\\"{:016x}\\\"\", immutable: {}, identity: {}, brotli: {brotli}, gzip: {gzip} }},",
            asset.url,
            asset.content_type()?,
            hash(&[&asset.content]),
            asset.immutable,
            embed("", &asset.content)?,
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

fn brotli(content: &[u8], build: Build) -> Result<Vec<u8>> {
    let quality = if build == Build::Small { 11 } else { 2 };
    let params = brotli::enc::BrotliEncoderParams { quality, lgwin: 22, size_hint: content.len(), ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &params)?;
    Ok(compressed)
}

fn gzip(content: &[u8], build: Build) -> Result<Vec<u8>> {
    let level = if build == Build::Small { flate2::Compression::best() } else { flate2::Compression::fast() };
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

/// Names files by their content; not a defence against anybody.
fn hash(contents: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for content in contents {
        hasher.write_usize(content.len());
        hasher.write(content);
    }
    hasher.finish()
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("cargo did not set {name}"))
}
