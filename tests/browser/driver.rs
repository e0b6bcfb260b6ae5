//! A chromedriver process of our own.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running chromedriver; ended when dropped.
pub struct Driver {
    child: Child,
    /// The address it takes commands at.
    pub url: String,
}

impl Driver {
    /// Starts `program` at a port it chooses itself.
    ///
    /// In one of many runs of these tests, which start several drivers at once, one had ended without naming its port; 150
    /// starts, six at a time, did not show why. So it is asked again, and what it said is told.
    pub fn start(program: &Path) -> Self {
        const TRIES: usize = 5;
        let mut said = String::new();
        for _ in 0..TRIES {
            match Self::try_start(program) {
                Ok(driver) => return driver,
                Err(output) => said = output,
            }
        }
        panic!("chromedriver ended {TRIES} times without naming a port; the last time it said: {said}");
    }

    /// The driver, or what it printed before it ended.
    fn try_start(program: &Path) -> Result<Self, String> {
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
        // Held from here on, so that it is ended and waited for whatever happens.
        let mut driver = Self { child, url: String::new() };
        let mut said = Vec::new();
        for line in lines.by_ref() {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                driver.url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                // Its later output is taken and dropped: a full pipe would stop it.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(driver);
            }
            said.push(line);
        }
        Err(said.join(" | "))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The driver's path, or why the page cannot be opened here.
pub fn find() -> Result<PathBuf, &'static str> {
    const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    BROWSERS.iter().find_map(|name| on_path(name)).ok_or("no Chromium on PATH")?;
    let named = env::var_os("CHROMEDRIVER").map(PathBuf::from).filter(|path| path.is_file());
    named.or_else(|| on_path("chromedriver")).ok_or("no chromedriver on PATH")
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
