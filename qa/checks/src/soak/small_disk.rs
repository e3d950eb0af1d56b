use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Failure;

const KIB: u64 = 1_024;
/// A file that takes up room.
const BALLAST: &str = "ballast";

/// A file system in memory, so small that it can be filled, and that can be made read-only. Mounting needs root. It goes
/// when this is dropped; nobody may use it then.
#[derive(Debug)]
pub struct SmallDisk {
    mounted_at: TempDir,
}

impl SmallDisk {
    /// # Errors
    /// [`Failure`] with `mount`'s own words where it is not allowed here.
    pub fn mount(size_kib: u64) -> Result<Self, Failure> {
        let mounted_at = TempDir::new()?;
        let size = format!("size={size_kib}k,mode=0700");
        run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"], mounted_at.path())?;
        Ok(Self { mounted_at })
    }

    pub fn path(&self) -> &Path {
        self.mounted_at.path()
    }

    /// Fills the disk up, all but so much.
    ///
    /// # Errors
    /// [`Failure`] where the disk does not let itself be filled.
    pub fn fill(&self, leave_kib: u64) -> Result<(), Failure> {
        fs::write(self.ballast(), [])?;
        let free = self.free_kib()?;
        let ballast = fs::OpenOptions::new().write(true).open(self.ballast())?;
        let zeroes = vec![0; KIB as usize];
        for _ in leave_kib..free {
            std::io::Write::write_all(&mut &ballast, &zeroes)?;
        }
        Ok(())
    }

    /// Undoes [`fill`](Self::fill).
    ///
    /// # Errors
    /// [`Failure`] where the ballast is not there.
    pub fn make_room(&self) -> Result<(), Failure> {
        Ok(fs::remove_file(self.ballast())?)
    }

    /// Nobody may have a file open for writing.
    ///
    /// # Errors
    /// [`Failure`] with `mount`'s own words.
    pub fn set_read_only(&self, read_only: bool) -> Result<(), Failure> {
        let how = if read_only { "remount,ro" } else { "remount,rw" };
        run("mount", &["-o", how], self.path())
    }

    fn ballast(&self) -> PathBuf {
        self.path().join(BALLAST)
    }

    fn free_kib(&self) -> Result<u64, Failure> {
        let output = Command::new("df")
            .args(["--output=avail", "-k"])
            .arg(self.path())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = text.lines().last().unwrap_or_default().trim().parse();
        last.map_err(|_| Failure::Broken(format!("df says {text:?}")))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if run("umount", &[], self.path()).is_err() {
            // Somebody still has a file open: it goes when that one does.
            let _ = run("umount", &["-l"], self.path());
        }
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> Result<(), Failure> {
    let output = Command::new(program).args(arguments).arg(path).output()?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::Broken(format!("{program} {}: {why}", arguments.join(" "))))
}
