//! Who operates this program, and why: for the audit of a database.

use std::fs;

use proto::Malformed;

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// Why an operator does something: one line of words. Nothing about people belongs in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActReason(String);

impl ActReason {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ActReason {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX_REASON || text.chars().any(char::is_control) {
            return Err(Malformed::new("reason", "must be one line of 1 to 500 characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The user that this process runs as: the name of its user id, or the number if it has none; `unknown` where the system does not say.
pub fn os_user() -> String {
    let Some(id) = user_id() else { return "unknown".to_owned() };
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&users, id).unwrap_or_else(|| format!("uid {id}"))
}

/// A process owns its own directory under /proc.
#[cfg(unix)]
fn user_id() -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").ok()?))
}

#[cfg(not(unix))]
fn user_id() -> Option<u32> {
    None
}

/// The name of a user id in a file of lines `name:password:id:...`.
fn name_of(users: &str, id: u32) -> Option<String> {
    let id = id.to_string();
    let names = users.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, their_id) = (fields.next()?, fields.nth(1)?);
        (their_id == id).then(|| name.to_owned())
    });
    names.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_words() {
        assert_eq!(" stolen key ".parse::<ActReason>().expect("words").as_str(), "stolen key");
        for bad in ["", "  ", "two\nlines", &"x".repeat(501)] {
            assert_eq!(bad.parse::<ActReason>().expect_err("refused").field, "reason");
        }
    }

    #[test]
    fn a_user_is_named_as_the_system_names_them() {
        let users = "root:x:0:0:root:/root:/bin/sh\nops:x:1000:1000::/home/ops:/bin/sh\nbroken\n";
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 1000).as_deref(), Some("ops"));
        assert_eq!(name_of(users, 100), None);
        assert!(!os_user().is_empty());
    }
}
