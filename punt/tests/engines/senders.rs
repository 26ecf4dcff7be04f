//! Real programs that send.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use engines::Program;

/// A daemon, killed when this is dropped.
pub(crate) struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The one place where these tests wait between probes.
pub(crate) fn pause() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where these tests wait between probes"
    )]
    std::thread::sleep(Duration::from_millis(50));
}

/// syslog-ng's own load generator, to its end.
pub(crate) fn loggen(to: SocketAddr, count: usize, more: &[&str]) {
    let output = Command::new("loggen")
        .args([
            "-i",
            "-S",
            "-r",
            "100000",
            "-s",
            "200",
            "-Q",
            "-n",
            &count.to_string(),
        ])
        .args(more)
        .args([to.ip().to_string(), to.port().to_string()])
        .output()
        .expect("loggen runs (Debian's syslog-ng-core)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// rsyslog reads a file of `count` lines and forwards each by TCP, octet counted (RFC 6587), in RFC 5424.
pub(crate) fn rsyslog(folder: &Path, to: SocketAddr, count: usize) -> anyhow::Result<Daemon> {
    let root = folder.join("rsyslog");
    std::fs::create_dir(&root)?;
    let input = root.join("app.log");
    let lines: Vec<String> = (0..count)
        .map(|number| format!("rsyslog forwards line {number}\n"))
        .collect();
    std::fs::write(&input, lines.concat())?;
    let config = format!(
        "global(workDirectory=\"{root}\")\n\
         module(load=\"imfile\")\n\
         input(type=\"imfile\" file=\"{input}\" tag=\"app:\" severity=\"warning\" facility=\"local3\")\n\
         action(type=\"omfwd\" target=\"{ip}\" port=\"{port}\" protocol=\"tcp\" tcp_framing=\"octet-counted\" \
         template=\"RSYSLOG_SyslogProtocol23Format\" action.resumeRetryCount=\"-1\")\n",
        root = root.display(),
        input = input.display(),
        ip = to.ip(),
        port = to.port()
    );
    let path = root.join("rsyslog.conf");
    std::fs::write(&path, config)?;
    let modules = Program::Rsyslog
        .folder()?
        .join("usr/lib/x86_64-linux-gnu/rsyslog");
    let child = Program::Rsyslog
        .command("usr/sbin/rsyslogd")?
        .arg("-n")
        .arg("-f")
        .arg(&path)
        .arg("-i")
        .arg(root.join("pid"))
        .arg("-M")
        .arg(modules)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting rsyslogd")?;
    Ok(Daemon(child))
}

/// nginx serves `count` requests, and logs each to a file and by UDP.
pub(crate) async fn nginx(
    folder: &Path,
    access: &Path,
    to: SocketAddr,
    count: usize,
) -> anyhow::Result<Daemon> {
    let root = folder.join("nginx");
    std::fs::create_dir(&root)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = format!(
        "daemon off;\nuser root;\nmaster_process off;\npid {root}/pid;\nerror_log {root}/error.log;\nevents {{}}\n\
         http {{\n  client_body_temp_path {root}/body;\n  proxy_temp_path {root}/proxy;\n  fastcgi_temp_path {root}/fastcgi;\n  \
         uwsgi_temp_path {root}/uwsgi;\n  scgi_temp_path {root}/scgi;\n  access_log {access};\n  \
         access_log syslog:server={to},tag=nginx,severity=info;\n  server {{\n    listen 127.0.0.1:{port};\n    \
         location / {{ return 200 \"hello\\n\"; }}\n    location /missing {{ return 404; }}\n  }}\n}}\n",
        root = root.display(),
        access = access.display()
    );
    let path = root.join("nginx.conf");
    std::fs::write(&path, config)?;
    let child = Program::Nginx
        .command("usr/sbin/nginx")?
        .arg("-c")
        .arg(&path)
        .arg("-p")
        .arg(&root)
        .stdin(Stdio::null())
        .spawn()
        .context("starting nginx")?;
    let daemon = Daemon(child);
    let http = reqwest::Client::builder().no_proxy().build()?;
    for number in 0..count {
        let missing = if number % 5 == 0 { "missing" } else { "" };
        let url = format!("http://127.0.0.1:{port}/{missing}");
        let mut status = None;
        for _ in 0..100 {
            if let Ok(answer) = http.get(&url).header("user-agent", "engines-test").send().await {
                status = Some(answer.status().as_u16());
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ensure!(
            status == Some(if missing.is_empty() { 200 } else { 404 }),
            "nginx answers {status:?}"
        );
    }
    Ok(daemon)
}
