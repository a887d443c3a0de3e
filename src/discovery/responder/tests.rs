//! The responder against packets made by hand, with a clock made by hand.
