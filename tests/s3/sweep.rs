//! What crashed processes left in a bucket.

use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use exuvia_tests::s3::{S3Server, Trouble};

use crate::fixture::open;
use crate::save::{fill, holds, save, store};

const DAY: Duration = Duration::from_hours(24);

#[test]
fn parts_that_no_manifest_lists_go_once_they_are_a_day_old() {
    let server = S3Server::start(&["bucket"]);
    let first = store(open(&server, "s3://bucket/p"));
    fill(&first, 1);
    save(&first).unwrap();
    let sound = server.names("bucket", "p");
    let lost = first.save().unwrap().wait().unwrap();
    let place = server.bucket("bucket").join("p");
    std::fs::remove_file(place.join(format!("{}-summary.dfs", lost.name))).unwrap();
    let foreign = format!("{}-0007-1a2b3c4d.dfs", lost.name);
    std::fs::write(place.join(&foreign), vec![7; 5_000]).unwrap();
    let age = |name: &str, age: Duration| {
        let file = File::options().append(true).open(place.join(name)).unwrap();
        file.set_modified(SystemTime::now().checked_sub(age).unwrap()).unwrap();
    };
    let names = server.names("bucket", "p");
    let orphans: Vec<String> =
        names.iter().filter(|name| !sound.contains(name) && **name != foreign).cloned().collect();
    assert_eq!(orphans.len(), 2, "{names:?}");
    for name in &names {
        age(name, DAY * 2);
    }
    age(&orphans[0], DAY / 2);
    let second = store(open(&server, "s3://bucket/p"));
    assert!(holds(&second, 1));
    let report = second.load_report().unwrap();
    assert_eq!(report.swept, [orphans[1].as_str()]);
    let mut left = sound;
    left.extend([orphans[0].clone(), foreign]);
    left.sort();
    assert_eq!(server.names("bucket", "p"), left);
}

#[test]
fn uploads_that_nobody_completed_go_once_they_are_a_day_old() {
    let server = S3Server::start(&["bucket"]);
    let upload = |key: &str, id: &str, begun: &str| {
        format!(
            "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun}-01-01T00:00:00.000Z\
             </Initiated></Upload>"
        )
    };
    let part = "p/dump-2026-01-01T00:00:00-0000-1a2b3c4d.dfs";
    let uploads = [
        upload(part, "old", "2026"),
        upload("p/dump-2026-01-01T00:00:00.rdb", "old-rdb", "2026"),
        upload(part, "new", "2999"),
        upload("p/film.mkv", "foreign", "2026"),
        upload("p/dump2-0000-1a2b3c4d.dfs", "other-template", "2026"),
        upload("p/below/dump-2026-01-01T00:00:00-0000-1a2b3c4d.dfs", "below", "2026"),
    ];
    let text = format!(
        "<?xml version=\"1.0\"?><ListMultipartUploadsResult><Bucket>bucket</Bucket><IsTruncated>\
         false</IsTruncated>{}</ListMultipartUploadsResult>",
        uploads.concat()
    );
    let aborted = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&aborted);
    server.plan(move |asked| {
        if asked.line.starts_with("GET ") && asked.line.contains("?uploads") {
            return Some(Trouble::Answer(text.clone()));
        }
        let id = asked.line.split("uploadId=").nth(1)?.split('&').next()?;
        if asked.line.starts_with("DELETE ") {
            seen.lock().unwrap().push(id.to_owned());
        }
        Some(Trouble::Refuse(404, "NoSuchUpload"))
    });
    let store = store(open(&server, "s3://bucket/p"));
    let swept = &store.load_report().unwrap().swept;
    assert_eq!(swept.len(), 2, "{swept:?}");
    assert_eq!(*aborted.lock().unwrap(), ["old", "old-rdb"]);
}
