"""The table of modes against Apple's documentation and the mode contract."""

import pytest

from firmware_py.modes import PROFILES, Category, Mode, effective_mode

A, S, M, R, P, X = (
    Category.AMBIENT_SOUND, Category.SOLO_AMBIENT_SOUND, Category.MEDIA_PLAYBACK,
    Category.RECORD_AUDIO, Category.PLAY_AND_RECORD, Category.AUDIO_PROCESSING,
)  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "categories"),
    [
        (Mode.DEFAULT,         {A, S, M, R, P, X}),  # valid with every category
        (Mode.VOICE_CHAT,      {P}),                 # play-and-record only
        (Mode.VIDEO_RECORDING, {R, P}),
        (Mode.MEASUREMENT,     {M, R, P}),           # playback too: no processing of the output
        (Mode.GAME_CHAT,       {P}),
    ],
)  # fmt: skip
def test_a_misused_mode_behaves_as_default_and_any_other_as_itself(mode, categories):
    acts = {category for category in Category if effective_mode(mode, category) is mode}
    assert acts == (set(Category) if mode is Mode.DEFAULT else categories)


def test_measurement_leaves_the_signal_alone():
    profile = PROFILES[Mode.MEASUREMENT]
    assert not any((profile.high_pass, profile.alc, profile.cancels_echo, profile.playback_limiter))
    assert profile.limiter_dbfs is None
    assert profile.agc_range_db == profile.voice_high_pass_hz == profile.noise_reduction_db == 0.0


def test_no_gain_moves_in_front_of_a_canceller():
    assert not any(profile.alc for profile in PROFILES.values() if profile.cancels_echo)


def test_every_canceller_covers_at_least_128_ms():
    assert min(p.echo_tail_s for p in PROFILES.values() if p.cancels_echo) >= 0.128


def test_video_recording_has_6_db_more_headroom_than_default():
    difference = PROFILES[Mode.DEFAULT].sensitivity_dbfs - PROFILES[Mode.VIDEO_RECORDING].sensitivity_dbfs
    assert difference == pytest.approx(6.0)


def test_game_chat_is_voice_chat_with_a_lighter_hand_and_less_latency():
    voice, game = PROFILES[Mode.VOICE_CHAT], PROFILES[Mode.GAME_CHAT]
    assert game.agc_range_db == voice.agc_range_db / 2
    assert game.noise_reduction_db < voice.noise_reduction_db
    assert game.period_frames / game.rate_hz < voice.period_frames / voice.rate_hz
