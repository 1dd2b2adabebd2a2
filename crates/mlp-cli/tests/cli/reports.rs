//! Opens reports in headless Chromium, if there is one.

use crate::{printed_with_notes, tables::houses};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Returns the page after its scripts have run, what was logged to the console, and the size of its picture in bytes, or
/// `None` without a browser.
fn opened(page: &Path) -> Option<(String, Vec<String>, usize)> {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--dump-dom",
        "--window-size=360,2000",
    ];
    let picture = page.with_extension("png");
    let screenshot = format!("--screenshot={}", picture.display());
    let url = format!("file://{}", page.display());
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let mut outputs = browsers.iter().filter_map(|browser| {
        Command::new(browser)
            .args(arguments)
            .args([&screenshot, &url])
            .output()
            .ok()
    });
    // A command that only says how to install a browser fails.
    let Some(output) = outputs.find(|output| output.status.success()) else {
        let is_needed = std::env::var_os("MLP_TEST_BROWSER").is_some();
        assert!(!is_needed, "expected a browser that opens {url}");
        #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
        {
            eprintln!("skipped: there is no Chromium");
        }
        return None;
    };
    let [page, log] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let logged = log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned);
    Some((page, logged.collect(), fs::read(picture).unwrap().len()))
}

#[test]
fn a_report_says_why_its_scores_are_a_little_off() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("houses.csv"), houses(60)).unwrap();
    let good = "These scores are a little too good, because the same rows chose the best epoch of each network";
    let bad = ", and a little too bad, because the model averages its networks";
    for (recipe, sentence) in [("plain", format!("{good}.</p>")), ("auto", format!("{good}{bad}.</p>"))] {
        let train = ["train", "houses.csv", "--target", "sold", "--force", "--recipe", recipe];
        printed_with_notes(directory.path(), &train);
        let page = fs::read_to_string(directory.path().join("houses.html")).unwrap();
        assert!(page.contains(&sentence), "{recipe}");
    }
}

#[test]
fn a_report_is_shown_without_a_message_and_fits_a_phone() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    // Names of columns, classes and files are text, whatever they look like.
    let odd = houses(300)
        .replacen("area", "<script>console.log('no')</script>", 1)
        .replace("gas", "</td><b>&amp;");
    fs::write(at("<i>.csv"), odd).unwrap();
    for (target, parts) in [
        (
            "price",
            [
                "Residuals",
                "Coverage of intervals",
                "<title>wood: ",
                "&lt;script&gt;console",
            ],
        ),
        (
            "heating",
            [
                "ROC curve",
                "Confusion matrix",
                "td&gt;&lt;b&gt;&amp;amp;",
                "in the data 0",
            ],
        ),
    ] {
        let train = ["train", "<i>.csv", "--recipe", "plain", "--force", "--target", target];
        printed_with_notes(directory.path(), &train);
        let page = fs::read_to_string(at("<i>.html")).unwrap();
        for part in ["Partial dependence", "sha256:", "mlp train", "&lt;i&gt;.csv"]
            .iter()
            .chain(&parts)
        {
            assert!(page.contains(part), "{target}: {part}");
        }
        assert!(!page.contains("<i>.csv") && !page.contains("<script>console") && !page.contains("</td><b>"));
        assert!(page.len() < 300_000, "{}", page.len());
        assert!(
            !page.contains("http://") && !page.contains("https://"),
            "the page needs the network"
        );

        // The width of a phone; the table of importances sorted by name, downwards.
        let script = "<script>
            document.documentElement.style.width = '360px';
            const head = document.querySelector('table.sortable th span');
            const press = key => head.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
            press('Enter'); press(' ');
            document.body.dataset.width = document.body.scrollWidth;
            document.body.dataset.first = document.querySelector('table.sortable td').textContent;
            </script></body>";
        fs::write(at("probe.html"), page.replace("</body>", script)).unwrap();
        let Some((shown, logged, picture)) = opened(&at("probe.html")) else {
            return;
        };
        assert_eq!(logged, [""; 0]);
        assert!(picture > 20_000, "the picture has only {picture} bytes");
        assert!(shown.contains("data-first=\"sold\""), "the table is not sorted");
        let width = shown
            .split("data-width=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        assert!(
            width.is_some_and(|width| width.parse::<u32>().unwrap() <= 360),
            "{width:?}"
        );
    }
    // A message would be seen, and that the picture is empty.
    fs::write(at("loud.html"), "<script>console.log('hello')</script>").unwrap();
    let (_, logged, picture) = opened(&at("loud.html")).unwrap();
    assert!(logged.len() == 1 && picture < 20_000, "{logged:?}, {picture} bytes");
}
