#include <iostream>
#include <string>

#include "operator/schedule/slots.hpp"

// Answers brute_force.py: reads lines of zone, seconds since 1970 and cron line, divided by tabs, and prints for each
// when that line is due next after that time, in seconds since 1970, or "none", or "refused: " and why.
int main() {
    std::string zone_name;
    std::string seconds;
    std::string text;
    while (std::getline(std::cin, zone_name, '\t') && std::getline(std::cin, seconds, '\t') &&
           std::getline(std::cin, text)) {
        const auto zone = n4b::schedule::TimeZone::find(zone_name);
        const auto line = n4b::schedule::CronLine::parse(text);
        if (!zone || !line) {
            std::cout << "refused: " << (zone ? line.error() : zone.error()).message << '\n';
            continue;
        }
        const auto slot =
            n4b::schedule::next_slot(*line, *zone, std::chrono::sys_seconds(std::chrono::seconds(std::stoll(seconds))));
        if (slot) {
            std::cout << slot->at.time_since_epoch().count() << '\n';
        } else {
            std::cout << "none\n";
        }
    }
}
