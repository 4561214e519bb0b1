//! `docs/cli.md` is what the program says of itself. To write it anew: `UPDATE_REFERENCE=1 cargo test -p netpol-cli`.

use std::path::Path;

#[test]
fn the_written_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let current = netpol_cli::reference::markdown();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), current);
}
