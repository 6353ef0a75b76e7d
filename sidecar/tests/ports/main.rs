//! The ports as clients, scrapers and browsers see them, with a double of the registry's thread
//! behind them.

mod browser;
mod commands;
mod documents;
mod double;
mod pages;
mod protocol;
mod secrets;
mod webdriver;
