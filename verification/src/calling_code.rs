//! The calling codes of countries and networks (ITU-T E.164, list of assigned codes), and how a number is dialled within each.

use proto::Malformed;

/// A country calling code that is assigned: 1 to 3 digits, without the plus in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingCode(&'static str);

/// No assigned code is the beginning of another, so a number begins with one of them at most.
const ASSIGNED: [&str; 214] = [
    "1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
    "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84",
    "86", "90", "91", "92", "93", "94", "95", "98", "211", "212", "213", "216", "218", "220", "221", "222", "223",
    "224", "225", "226", "227", "228", "229", "230", "231", "232", "233", "234", "235", "236", "237", "238", "239",
    "240", "241", "242", "243", "244", "245", "246", "247", "248", "249", "250", "251", "252", "253", "254", "255",
    "256", "257", "258", "260", "261", "262", "263", "264", "265", "266", "267", "268", "269", "290", "291", "297",
    "298", "299", "350", "351", "352", "353", "354", "355", "356", "357", "358", "359", "370", "371", "372", "373",
    "374", "375", "376", "377", "378", "380", "381", "382", "383", "385", "386", "387", "389", "420", "421", "423",
    "500", "501", "502", "503", "504", "505", "506", "507", "508", "509", "590", "591", "592", "593", "594", "595",
    "596", "597", "598", "599", "670", "672", "673", "674", "675", "676", "677", "678", "679", "680", "681", "682",
    "683", "685", "686", "687", "688", "689", "690", "691", "692", "800", "808", "850", "852", "853", "855", "856",
    "870", "878", "880", "881", "882", "883", "886", "960", "961", "962", "963", "964", "965", "966", "967", "968",
    "970", "971", "972", "973", "974", "975", "976", "977", "979", "992", "993", "994", "995", "996", "998",
];

impl CallingCode {
    /// Reads `47`, `+47` or `0047`.
    ///
    /// # Errors
    /// [`Malformed`] if no such code is assigned.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let digits = text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or(text);
        let known = ASSIGNED.into_iter().find(|code| *code == digits).map(Self);
        known.ok_or_else(|| Malformed::new("calling code", "must be one that is assigned, such as +47"))
    }

    /// The code that an international number begins with; none if there is none such.
    pub(crate) fn of(digits: &str) -> Option<Self> {
        ASSIGNED.into_iter().find(|code| digits.starts_with(code)).map(Self)
    }

    /// Its digits.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// A number as it is dialled at home, without what is dialled in front of it there and not from abroad.
    pub(crate) fn without_trunk(self, national: &str) -> &str {
        let trunk = match self.0 {
            // In the North American plan and in the Russian and Kazakh one, numbers have ten digits and an optional digit in front.
            "1" if national.len() == 11 => "1",
            "7" if national.len() == 11 => "8",
            // There, a zero in front belongs to the number: Italy, San Marino, Ivory Coast, Congo.
            "1" | "7" | "39" | "378" | "225" | "242" => "",
            "36" => "06",
            "375" => "80",
            "370" if national.starts_with('8') => "8",
            "993" => "8",
            _ => "0",
        };
        national.strip_prefix(trunk).unwrap_or(national)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_the_beginning_of_another() {
        for code in ASSIGNED {
            assert!((1..=3).contains(&code.len()) && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
            let same = ASSIGNED.iter().filter(|other| other.starts_with(code)).count();
            assert_eq!(same, 1, "{code}");
        }
    }

    #[test]
    fn a_code_is_read_in_each_of_its_spellings() {
        for text in ["47", "+47", "0047"] {
            assert_eq!(CallingCode::parse(text).expect("assigned").as_str(), "47");
        }
        for text in ["", "+", "0", "00", "210", "999", "4", "047", "++47", "+47 ", "470", "４７"] {
            assert!(CallingCode::parse(text).is_err(), "{text}");
        }
    }
}
