"""The simulated SGTL5000's audio processor: routes through it, its volume control, and what colours the sound."""

import numpy as np
import pytest
from desk import dbfs, vrms
from sgtl5000_desk import Desk, instead

RECORD_ROUTE, PLAY_ROUTE = 0x0013, 0x0070
FASTEST = 0x0FFF
THRESHOLDS = {0: 0x5168, -6: 0x28CC, -12: 0x1473, -18: 0x0A40, -24: 0x0522, -30: 0x0293}


def dap_desk(route=RECORD_ROUTE, control=0x0001, writes=()):
    desk = Desk(instead("i2s to dac, adc to i2s", route))
    desk.write(0x0100, control)
    for register, value in writes:
        desk.write(register, value)
    return desk


def avc_desk(threshold_dbfs=-12, max_gain=2, integrator=1, attack=FASTEST, decay=FASTEST, limiter=0, on=1):
    """ADC -> processor -> I2S output, with the volume control as fast as it gets."""
    ctrl = 0x4000 | max_gain << 12 | integrator << 8 | limiter << 5 | on
    settings = ((0x0126, THRESHOLDS[threshold_dbfs]), (0x0128, attack), (0x012A, decay), (0x0124, ctrl))
    return dap_desk(writes=((0x000E, 0x0201), *settings))


def settled(desk, input_dbfs, seconds=0.4, hz=1000.0, **kwargs):
    """dBFS a tone arrives at; the offset is small beside it."""
    frames = desk.record(seconds, 10 ** (input_dbfs / 20), hz=hz, **kwargs)[-4800:, 0]
    return dbfs(frames - np.mean(frames))


# routes


def test_the_processor_passes_the_microphone_when_everything_in_it_is_off():
    desk = dap_desk()
    assert desk.level(0.1, seconds=0.1) == pytest.approx(-20, abs=0.05)
    assert desk.state("routes")["dap"] == "adc"
    assert not desk.state("equaliser")


@pytest.mark.parametrize(
    ("register", "value", "why"),
    [
        (0x0100, 0x0000, "not enabled: no audio passes"),
        (0x0002, 0x0063, "not powered"),
        (0x000A, 0x0093, "reserved source"),
        (0x0120, 0x0000, "main volume 0 %"),
    ],
)
def test_the_processor_is_silent_when(register, value, why):
    desk = dap_desk()
    desk.write(register, value)
    assert np.all(desk.record(0.05, rms_v=0.1) == 0.0), why


@pytest.mark.parametrize(("code", "gain_db"), [(0x8000, 0.0), (0x4000, -6.02), (0xFFFF, 6.02), (0x0CCD, -20.0)])
def test_main_volume_is_a_share_of_8000(code, gain_db):
    desk = dap_desk(writes=((0x0120, code),))
    assert desk.level(0.1, seconds=0.1) == pytest.approx(-20 + gain_db, abs=0.1)
    assert desk.state("adc_gain_db") == pytest.approx([gain_db, gain_db], abs=0.01)


def test_the_processor_can_serve_playback_instead():
    desk = dap_desk(PLAY_ROUTE, writes=((0x0120, 0x4000),))
    assert desk.heard() == pytest.approx(0.5, rel=2e-3)
    assert desk.level(0.1, seconds=0.1) == pytest.approx(-20, abs=0.1), "the recording does not pass it"


def test_its_input_can_be_swapped():
    frames = dap_desk(0x2013).record(0.1, 0.1, pins=("LINEIN_L",))[2400:]
    assert dbfs(frames[:, 1]) > -21
    assert dbfs(frames[:, 0]) < -60


@pytest.mark.parametrize(("control", "mixes"), [(0x0011, True), (0x0001, False), (0x0010, False)])
def test_the_mixer_adds_the_microphone_to_playback_only_with_both_enables(control, mixes):
    desk = dap_desk(PLAY_ROUTE, control, writes=((0x0122, 0x4000),))
    assert desk.state("sidetone") == mixes
    for _ in range(60):
        desk.record(0.0, rms_v=0.2)
        heard = desk.play(0.0, dbfs=-300)["HP_L"]
    assert np.max(np.abs(heard)) == pytest.approx(0.1 * np.sqrt(2) if mixes else 0.0, rel=0.02, abs=1e-6)


def test_the_microphone_through_the_processor_to_the_dac_is_a_loop():
    state = dap_desk(0x0030).chip.state()
    assert state["loopback"]
    assert state["sidetone"]


# the volume control: where it settles


@pytest.mark.parametrize(
    ("input_dbfs", "output_dbfs"),
    [
        (-50, -38.0),  # all 12 dB
        (-30, -18.0),
        (-24, -12.0),
        (-20, -12.0),  # expanded up to the threshold
        (-12, -12.0),
        (-6, -12.0),  # compressed down to it
        (0, -12.0),
    ],
)
def test_the_static_curve_is_a_level_line_with_twelve_decibels_below_it(input_dbfs, output_dbfs):
    desk = avc_desk()
    assert settled(desk, input_dbfs) == pytest.approx(output_dbfs, abs=0.1)
    assert desk.state("alc_gain_db") == pytest.approx(output_dbfs - input_dbfs, abs=0.1)


@pytest.mark.parametrize("threshold_dbfs", THRESHOLDS)
def test_the_threshold_is_a_sine_level_in_decibels_of_full_scale(threshold_dbfs):
    desk = avc_desk(threshold_dbfs)
    assert desk.state("alc_target_dbfs") == pytest.approx(threshold_dbfs, abs=0.01)
    assert settled(desk, min(threshold_dbfs + 3, 0)) == pytest.approx(threshold_dbfs, abs=0.1)


def test_a_threshold_cut_to_eight_bits_crushes_everything():
    desk = avc_desk()
    desk.write(0x0126, THRESHOLDS[-12] & 0xFF)
    assert desk.state("alc_target_dbfs") == pytest.approx(-45.2, abs=0.1)
    assert settled(desk, -12) == pytest.approx(-45.2, abs=0.3)


@pytest.mark.parametrize(("code", "max_db"), [(0, 0.0), (1, 6.0), (2, 12.0)])
def test_maximum_gain_is_a_ceiling(code, max_db):
    desk = avc_desk(max_gain=code)
    assert settled(desk, -45) == pytest.approx(-45 + max_db, abs=0.1)
    assert desk.state("alc_max_gain_db") == max_db


def test_there_is_no_noise_gate_silence_gets_all_the_gain():
    desk = avc_desk()
    desk.record(0.3)
    assert desk.state("alc_gain_db") == pytest.approx(12.0)
    assert desk.state("noise_gate") is False


@pytest.mark.parametrize("integrator", [1, 2, 3])
def test_a_steady_tone_settles_alike_with_every_integrator(integrator):
    assert settled(avc_desk(integrator=integrator), -6, seconds=1.0) == pytest.approx(-12, abs=0.2)


def test_without_an_integrator_single_samples_count_and_peaks_end_near_the_threshold_value():
    desk = avc_desk(integrator=0, attack=0x0028, decay=0x0028)
    level = settled(desk, -6, seconds=1.0)
    assert level == pytest.approx(-12 + 20 * np.log10(0.636), abs=0.5)


def test_the_louder_channel_steers_both():
    desk = avc_desk()
    frames = desk.record(0.5, 1.0, pins=("LINEIN_R",))[-4800:]
    assert dbfs(frames[:, 1]) == pytest.approx(-12, abs=0.1)
    assert desk.state("alc_gain_db") == pytest.approx(-12, abs=0.1)


# the volume control: how fast


def frames_until(desk, reached, input_dbfs):
    frames = 0
    while not reached(desk.state("alc_gain_db")):
        desk.record(0.0, 10 ** (input_dbfs / 20))
        frames += 128
    return frames


@pytest.mark.parametrize("code", [0x028, 0x050, 0x140])
def test_attack_lowers_the_gain_at_the_rate_of_its_formula(code):
    desk = avc_desk(attack=code)
    rate = desk.state("alc_attack_db_s")
    assert rate == pytest.approx(-20 * 48_000 * np.log10(1 - code / 2**19))
    frames_until(desk, lambda gain: gain < -1, 0)
    assert frames_until(desk, lambda gain: gain < -9, 0) / 48_000 == pytest.approx(8 / rate, rel=0.05, abs=0.004)


@pytest.mark.parametrize("code", [0x284, 0x508, 0xFFF])
def test_decay_raises_the_gain_at_the_rate_of_its_formula(code):
    desk = avc_desk(decay=code)
    rate = desk.state("alc_decay_db_s")
    assert rate == pytest.approx(-20 * 48_000 * np.log10(1 - code / 2**23))
    frames_until(desk, lambda gain: gain > 1, -60)
    assert frames_until(desk, lambda gain: gain > 9, -60) / 48_000 == pytest.approx(8 / rate, rel=0.05, abs=0.004)


def test_reset_rates_are_thirty_two_decibels_down_and_four_up_a_second():
    state = Desk().chip.state()
    assert state["alc_attack_db_s"] == pytest.approx(32, rel=0.01)
    assert state["alc_decay_db_s"] == pytest.approx(4, rel=0.01)
    assert state["alc_attack_ms"] == pytest.approx(6000 / 32, rel=0.01)


def test_rates_count_samples_and_slow_down_with_the_rate():
    desk = avc_desk(attack=0x0028)
    desk.write(0x0004, 0x0018)  # 24 kHz
    assert desk.state("alc_attack_db_s") == pytest.approx(16, rel=0.01)


# the volume control: other settings


def test_a_hard_limiter_cuts_what_exceeds_the_threshold_and_lifts_nothing():
    desk = avc_desk(limiter=1)
    loud = desk.record(0.1, 1.0)[2400:, 0]
    assert np.max(loud) == pytest.approx(10 ** (-12 / 20), rel=1e-3)
    assert vrms(loud) > 0.2, "cut off, not turned down"
    assert settled(desk, -30) == pytest.approx(-30, abs=0.05)
    assert desk.state("alc_mode") == "limiter"


def test_switching_off_forgets_the_gain():
    desk = avc_desk()
    desk.record(0.3, 1.0)
    desk.write(0x0124, 0x6100)
    assert desk.state("alc_gain_db") == 0.0
    assert desk.state("alc") == "off"
    assert settled(desk, -6) == pytest.approx(-6, abs=0.05)


@pytest.mark.parametrize(
    ("register", "value", "why"),
    [
        (0x000A, 0x0010, "the port listens to the ADC"),
        (0x000A, 0x0053, "the processor listens to the host"),
        (0x0100, 0x0000, "not enabled"),
        (0x0002, 0x0063, "not powered"),
    ],
)
def test_the_volume_control_levels_a_recording_only_on_its_way(register, value, why):
    desk = avc_desk()
    assert desk.state("alc") == "stereo"
    desk.write(register, value)
    assert desk.state("alc") == "off", why
    if value == 0x0010:
        assert settled(desk, -6) == pytest.approx(-6, abs=0.05)


def test_in_playback_it_levels_the_host_and_counts_as_an_effect():
    desk = avc_desk()
    desk.write(0x000A, PLAY_ROUTE)
    desk.play(0.5)
    assert vrms(desk.play(0.1, dbfs=0)["HP_L"]) == pytest.approx(10 ** (-12 / 20), rel=0.02)
    state = desk.chip.state()
    assert state["alc"] == "off"
    assert state["playback_avc"]
    assert state["equaliser"]


# equaliser, surround, bass


@pytest.mark.parametrize("band", range(5))
@pytest.mark.parametrize(("code", "gain_db"), [(0x5F, 12.0), (0x2F, 0.0), (0x00, -11.75), (0x3B, 3.0)])
def test_each_graphic_band_lifts_its_own_frequency(band, code, gain_db):
    hz = (115.0, 330.0, 990.0, 3000.0, 9900.0)[band]
    desk = dap_desk(writes=((0x000E, 0x0201), (0x0108, 0x0003), (0x0116 + 2 * band, code)))
    frames = desk.record(0.3, 0.05, hz=hz)[-9600:, 0]
    assert dbfs(frames - np.mean(frames)) == pytest.approx(-26.02 + gain_db, abs=0.15)
    assert desk.state("equaliser") == (gain_db != 0.0)


@pytest.mark.parametrize(("register", "hz", "other_hz"), [(0x0116, 20.0, 8000.0), (0x011E, 20_000.0, 300.0)])
def test_tone_control_uses_the_outer_bands_as_shelves(register, hz, other_hz):
    desk = dap_desk(writes=((0x000E, 0x0201), (0x0108, 0x0002), (register, 0x5F)))
    assert settled(desk, -26, hz=hz, seconds=0.5) > -26 + 8
    assert settled(desk, -26, hz=other_hz) == pytest.approx(-26, abs=0.8)


@pytest.mark.parametrize("mode", [0, 1])
def test_bands_do_nothing_while_the_graphic_equaliser_is_off(mode):
    desk = dap_desk(writes=((0x0108, mode), (0x011A, 0x5F)))
    assert settled(desk, -26, hz=990.0) == pytest.approx(-26, abs=0.1)
    assert not desk.state("equaliser")


def load(desk, band, *coefficients):
    for (high, low), value in zip(
        ((0x010E, 0x0110), (0x012C, 0x012E), (0x0130, 0x0132), (0x0134, 0x0136), (0x0138, 0x013A)),
        coefficients,
        strict=True,
    ):
        word = round(value * 2**18) & 0xFFFFF
        desk.write(high, word >> 4)
        desk.write(low, word & 0xF)
    desk.write(0x010C, 0x0100 | band)


@pytest.mark.parametrize(("filters", "gain_db"), [(0, 0.0), (1, -6.02), (2, -18.06)])
def test_the_parametric_equaliser_cascades_as_many_filters_as_are_enabled(filters, gain_db):
    desk = dap_desk(writes=((0x0108, 0x0001), (0x0102, filters)))
    load(desk, 0, 0.5, 0.0, 0.0, 0.0, 0.0)
    load(desk, 1, 0.25, 0.0, 0.0, 0.0, 0.0)
    assert settled(desk, -20) == pytest.approx(-20 + gain_db, abs=0.05)


@pytest.mark.parametrize("hz", [100.0, 1000.0, 6000.0])
def test_a_parametric_filter_adds_what_it_feeds_back(hz):
    desk = dap_desk(writes=((0x0108, 0x0001), (0x0102, 0x0001)))
    load(desk, 0, 0.1, 0.1, 0.0, 0.8, 0.0)  # y = 0.1 x + 0.1 x' + 0.8 y': a low-pass
    z = np.exp(-2j * np.pi * hz / 48_000)
    gain_db = 20 * np.log10(abs(0.1 * (1 + z) / (1 - 0.8 * z)))
    assert settled(desk, -20, hz=hz) == pytest.approx(-20 + gain_db, abs=0.05)


def test_a_parametric_filter_takes_negative_coefficients():
    desk = dap_desk(writes=((0x0108, 0x0001), (0x0102, 0x0001)))
    load(desk, 0, -0.5, 0.0, 0.0, 0.0, 0.0)
    assert settled(desk, -20) == pytest.approx(-26.02, abs=0.05)


def test_a_parametric_filter_is_not_loaded_without_the_write_bit():
    desk = dap_desk(writes=((0x0108, 0x0001), (0x0102, 0x0001), (0x010E, 0x2000)))
    desk.write(0x010C, 0x0000)
    assert settled(desk, -20) == pytest.approx(-20, abs=0.05)


def test_surround_widens_and_needs_its_select_bits():
    narrow, wide = dap_desk(PLAY_ROUTE), dap_desk(PLAY_ROUTE, writes=((0x010A, 0x0073),))
    differences = [desk.play(0.05, dbfs=-20, balance=(1.0, 0.5)) for desk in (narrow, wide)]
    widths = [vrms(out["HP_L"][960:] - out["HP_R"][960:]) for out in differences]
    assert widths[1] > 1.5 * widths[0]
    assert wide.state("equaliser")
    assert not narrow.state("equaliser")


def test_bass_enhancement_lifts_the_bass_and_not_the_middle():
    desk = dap_desk(PLAY_ROUTE, writes=((0x0104, 0x0041), (0x0106, 0x0500)))
    assert 20 * np.log10(desk.heard(dbfs=-20, hz=50.0, seconds=0.3)) > -15
    assert 20 * np.log10(desk.heard(dbfs=-20, hz=3000.0)) == pytest.approx(-20, abs=0.3)


def test_effects_outside_every_route_are_not_heard_and_not_told():
    desk = Desk()
    desk.write(0x0100, 0x0001)
    desk.write(0x0108, 0x0003)
    desk.write(0x011A, 0x5F)
    assert desk.heard(hz=1000.0) == pytest.approx(1.0, rel=2e-3)
    assert not desk.state("equaliser")
