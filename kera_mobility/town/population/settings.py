"""Settings of the people: how many, what they own, how often, how far and when they travel."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from kera_mobility.config.settings import ClockTime, Hours, Settings, in_order
from kera_mobility.town.population.households import EVERYONE_ALIKE, ByAge, HouseholdSettings


class PurposeSettings(Settings):
    """Tours of one purpose: how many, how far, when, how long, with what on the way."""

    tours_per_person: float = Field(ge=0, le=2)
    """Home-based tours per person of age 7+ and weekday."""
    decay_m: float = Field(ge=51, le=50_000)
    """Distance over which the pull of a destination falls to 1/e, straight metres."""
    out_weight_by_hour: tuple[Annotated[float, Field(ge=0, le=1000)], ...]
    """Relative number of tours that set out in each hour of the day, 24 numbers from 0."""
    stay_h: tuple[Hours, ...]
    """Hours at the destination: the least, three quartiles, the most; even in between."""
    stop_out_share: float = Field(0.0, ge=0, le=1)
    """Share of tours with a stop on the way out."""
    stop_home_share: float = Field(0.0, ge=0, le=1)
    """Share of tours with a stop on the way home."""

    @field_validator("out_weight_by_hour")
    @classmethod
    def _a_day(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if len(weights) != 24 or max(weights) <= 0.0:
            raise ValueError(f"expected 24 weights from 0, not all 0, got {weights}")
        return weights

    @field_validator("stay_h")
    @classmethod
    def _quartiles(cls, hours: tuple[float, ...]) -> tuple[float, ...]:
        if len(hours) != 5 or list(hours) != sorted(hours):
            raise ValueError(f"expected 5 hours that never fall, got {hours}")
        return hours


class PeopleSettings(Settings):
    """Who lives, works and passes through here, and how much they travel."""

    residents: int = Field(14_000, ge=0, le=90_000)
    """Residents of the developments, all ages, persons; spread over them as when finished. Those of age 7 and over
    travel. Assumption: the size of a station district; a phase sets its own."""
    jobs: int = Field(10_000, ge=0, le=90_000)
    """Jobs in the developments. Assumption: the size of a station district; a phase sets its own."""
    attendance: float = Field(0.70, ge=0, le=1)
    """Share of workers who go to work on a day; others work at home, are away or off. Assumption; range 0.6 to 0.8."""
    neighbours_within_m: float = Field(2_500.0, ge=0, le=20_000)
    """Residents of cells whose middle is nearer than this to the centre of the area travel too, m. Assumption."""
    local_worker_share: float = Field(0.12, ge=0, le=1)
    """Share of the residents in work whose job is one of those in the developments. Assumption; 0.05 to 0.25."""
    cars_per_1000: float = Field(300.0, ge=0, le=800)
    """Private cars per 1,000 residents of the developments. Assumption for a new station district; 220 to 370."""
    neighbour_cars_per_1000: float = Field(373.0, ge=0, le=800)
    """Private cars per 1,000 neighbours: Espoo 2018 (car.private_cars_per_1000_espoo_2018 in parameters.csv)."""
    worker_car_share: float = Field(0.60, ge=0, le=1)
    """Share of the licence holders who come to work that have a car of their own use. Assumption; 0.45 to 0.75."""
    events: tuple[str, ...] = ()
    """Rows of the area's `events.csv` that take place on the day; their visitors come from beyond the neighbours."""
    shoppers_per_shop: float = Field(0.0, ge=0, le=1_000)
    """People a day who come from beyond the neighbours to each shop within `neighbours_within_m` of the centre, a
    neighbourhood grocery being 1. Off by default: nobody has counted them; assumption when on: 50, 0 to 150."""
    visitor_decay_m: float = Field(8_000.0, ge=51, le=100_000)
    """Distance over which an event's pull falls to 1/e, straight metres. Assumption."""
    shared_cars: bool = False
    """Whether all who hold a licence may drive the cars of their household, never more than it has at one time; if not,
    each car has one driver."""
    visitor_car_share: float = Field(0.45, ge=0, le=1)
    """Share of the visitors with a licence who have a car of their own use for the way. Assumption; 0.3 to 0.6."""
    visit_early_s: float = Field(2_400.0, ge=0, le=14_400)
    """Visitors mean to be at what begins on time up to this long before, s, evenly. Assumption."""
    visit_linger_s: float = Field(1_200.0, ge=0, le=14_400)
    """... and leave up to this long after its end, s, evenly. Assumption."""
    visit_stay_h: float = Field(1.5, ge=0.1, le=12)
    """Mean stay at what people drop in to, hours; half to one and a half of it, evenly. Assumption."""
    licence: ByAge = ByAge(from_age=(18, 20, 30, 65, 75), share=(0.45, 0.65, 0.88, 0.82, 0.55))
    """Share with a driving licence by age. Assumption; each 0.1 up or down."""
    bicycle: ByAge = ByAge(from_age=(7, 18, 30, 65, 75), share=(0.90, 0.65, 0.75, 0.60, 0.30))
    """Share with a bicycle by age. Assumption; each 0.15 up or down."""
    season_ticket: ByAge = ByAge(from_age=(7, 10, 16, 30, 65), share=(0.10, 0.30, 0.55, 0.35, 0.25))
    """Share with a season ticket of public transport by age. Assumption; each 0.15 up or down."""
    employed: ByAge = ByAge(from_age=(16, 18, 25, 30, 60, 65, 70), share=(0.08, 0.60, 0.77, 0.82, 0.60, 0.16, 0.03))
    """Share in work by age, of those who do not study. Assumption, set so that attendance gives tour_rate.hw_work."""
    student: ByAge = ByAge(from_age=(16, 19, 25, 30), share=(0.90, 0.36, 0.10, 0.0))
    """Share who study by age. Assumption, set so that attendance gives tour_rate.hu_upper_sec_tertiary."""
    pupil_attendance: float = Field(0.95, ge=0, le=1)
    """Share of pupils of ages 7-15 at school on a day. Assumption; 0.92 to 0.98; it gives tour_rate.hc_school."""
    student_attendance: float = Field(0.60, ge=0, le=1)
    """Share of students at their school on a day. Assumption; 0.45 to 0.75."""
    households: HouseholdSettings = HouseholdSettings()
    """Who lives together."""
    work: PurposeSettings = PurposeSettings(
        tours_per_person=0.3556, decay_m=3_600.0, stop_out_share=0.12, stop_home_share=0.35,
        out_weight_by_hour=(0, 0, 0, 0, 1, 5, 17, 29, 21, 9, 4, 2, 2, 3, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0),
        stay_h=(3.0, 7.25, 8.0, 8.75, 10.5),
    )  # fmt: skip
    """Tours: tour_rate.hw_work (HSL, HELMET 5), a check only: `employed` and `attendance` make them. Hours fit
    peak_hour_share.hw.*. Decay, stays and stops: assumptions; decay 3,000 to 6,000 m, stops on the way home 0.25
    to 0.45."""
    school: PurposeSettings = PurposeSettings(
        tours_per_person=0.1189, decay_m=600.0, stop_home_share=0.20,
        out_weight_by_hour=(0, 0, 0, 0, 0, 0, 0, 67, 25, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        stay_h=(4.0, 5.0, 5.75, 6.5, 7.5),
    )  # fmt: skip
    """Tours: tour_rate.hc_school (HSL, HELMET 5), a check only. Hours fit peak_hour_share.hc.walk.*. Decay (the
    nearest school mostly), stays and stops: assumptions."""
    study: PurposeSettings = PurposeSettings(
        tours_per_person=0.0416, decay_m=4_500.0, stop_home_share=0.30,
        out_weight_by_hour=(0, 0, 0, 0, 0, 0, 4, 33, 25, 16, 8, 5, 4, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0),
        stay_h=(1.5, 4.0, 6.0, 7.0, 9.0),
    )  # fmt: skip
    """Tours: tour_rate.hu_upper_sec_tertiary (HSL, HELMET 5), a check only. All else: assumption."""
    shopping: PurposeSettings = PurposeSettings(
        tours_per_person=0.3172, decay_m=1_300.0, stop_out_share=0.06, stop_home_share=0.32,
        out_weight_by_hour=(0, 0, 0, 0, 0, 0, 0, 2, 3, 7, 11, 12, 11, 10, 9, 10, 12, 7, 3, 2, 1, 0, 0, 0),
        stay_h=(0.1, 0.3, 0.5, 0.8, 3.0),
    )  # fmt: skip
    """Tours: tour_rate.hs_shopping (HSL, HELMET 5). Hours are of people without work or school on the day; after those
    others go, so that peak_hour_share.hs.* comes out. All else: assumption."""
    other: PurposeSettings = PurposeSettings(
        tours_per_person=0.3282, decay_m=2_800.0, stop_out_share=0.08, stop_home_share=0.30,
        out_weight_by_hour=(0, 0, 0, 0, 0, 0, 1, 3, 5, 7, 8, 8, 8, 8, 8, 9, 13, 11, 6, 3, 2, 1, 0, 0),
        stay_h=(0.2, 0.8, 1.5, 2.25, 4.0),
    )  # fmt: skip
    """Tours: tour_rate.ho_other (HSL, HELMET 5). Hours as for shopping; peak_hour_share.ho.*. All else: assumption."""
    walks_per_person: float = Field(0.20, ge=0, le=1)
    """Walks for their own sake, out and back, per person 7+ and weekday; two trips each. Assumption; 0.10 to 0.30."""
    walk_decay_m: float = Field(450.0, ge=51, le=5_000)
    """Distance over which the pull of a walk's far end falls to 1/e, straight metres. Assumption."""
    work_based_share: float = Field(0.15, ge=0, le=1)
    """Share of work tours with a trip out from work and back (lunch, meeting). Assumption; 0.08 to 0.25."""
    stop_decay_m: float = Field(900.0, ge=51, le=20_000)
    """Distance over which the pull of a stop on the way falls to 1/e, straight metres. Assumption."""
    damping_after_main: float = Field(0.65, ge=0, le=1)
    """Rate of shopping and other tours of those who go to work or school on the day, against all. Assumption."""
    child_shopping: float = Field(0.30, ge=0, le=1)
    """Rate of shopping tours of pupils against all people. Assumption."""
    tours_by_age: ByAge = EVERYONE_ALIKE
    """Part of the shopping and other tours and walks that people make, by age, against the rates of all. Alike by
    default; assumption when it falls: 0.8 from 75, 0.45 from 85."""
    pause_h: tuple[Hours, Hours, Hours, Hours, Hours] = (0.1, 0.35, 0.8, 1.5, 3.5)
    """Hours at home between work or school and the next tour: least, quartiles, most. Assumption."""
    jobs_per_resident: float = Field(0.10, ge=0, le=1)
    """Jobs in cells per resident there (care, schools, shops), beside those named in attractions.csv. Assumption."""
    shops_per_1000: float = Field(0.4, ge=0, le=10)
    """Shops in cells per 1,000 residents there, a neighbourhood grocery being 1. Assumption."""
    circuity: float = Field(1.3, ge=1, le=3)
    """Way over straight line, for planned times only. Assumption."""
    planned_speed_m_s: float = Field(6.0, ge=0.5, le=30)
    """Speed that people plan with, whatever the mode. Assumption."""
    planned_delay_s: float = Field(300.0, ge=0, le=3_600)
    """Time that people plan for each trip besides, s. Assumption."""
    latest_start_h: ClockTime = Field(21.5, ge=12, le=24)
    """No tour but to work or school sets out from home later, hours. Assumption."""
    latest_departure_h: ClockTime = Field(23.5, ge=12, le=26)
    """Nobody plans to set out later, hours from the midnight that starts the day, so that 25 is 1:00. Assumption."""

    @model_validator(mode="after")
    def _in_order(self) -> PeopleSettings:
        if list(self.pause_h) != sorted(self.pause_h):
            raise ValueError(f"pause_h: got {self.pause_h}, expected hours that never fall")
        in_order(self, "latest_start_h", "latest_departure_h")
        return self
