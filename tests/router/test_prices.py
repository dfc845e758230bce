"""What cloud models cost that the price list knows, and those that only the settings know."""

from pathlib import Path

import pytest

from router.errors import ConfigError
from router.prices import Price, Prices, price_usd
from router.settings import load_settings
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import HARD, Gateway

OWN = {
    "company/large": "claude-sonnet-5-5",
    "company/own": {"input": 1.0, "output": 4.0, "cache_read": 0.1},
}


def test_a_name_of_a_company_s_costs_what_the_settings_say() -> None:
    prices = Prices(load_settings(cloud_prices=OWN).cloud_prices)
    tokens = (9000, 100, 8000, 900)
    for quick in (False, True):
        large, own = (prices.usd(name, *tokens, quick=quick) for name in OWN)
        assert large == pytest.approx(price_usd("claude-sonnet-5-5", *tokens))
        assert own == pytest.approx((1000 + 4 * 100 + 0.1 * 8000) / 1e6)
    assert prices.estimate_usd("company/own", 4000, 500) == pytest.approx(0.003)
    assert Price(1.0, 1.0).usd(100, 0, 50, 50) == pytest.approx(1e-4)
    with pytest.raises(ConfigError, match=r"'company/other'; say in \[cloud_prices\]"):
        prices.check("company/other")


@pytest.mark.parametrize(
    "price", [{"input": 1.0}, {"input": -1.0, "output": 1.0}, {"input": 1.0, "output": 1, "in": 2}]
)
def test_a_price_that_is_none_is_refused(price: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="cloud_prices"):
        load_settings(cloud_prices={"company/own": price})


def test_a_gateway_with_names_of_its_own_is_paid_and_capped_by_them(
    run: Run, cloud: upstream.Upstream
) -> None:
    async def answer(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.json(upstream.said("From afar.", got.body["model"]))

    cloud.script = answer
    settings = {"cloud_api": "openai", "cloud_api_key": "k", "cloud_models": ["company/*"]}
    gateway = run(**settings, cloud_model="company/own", cloud_prices=OWN, budget_day_usd=0.01)
    for model in ("company/own", "company/large", "company/newer"):
        assert gateway.chat(HARD, model=model).status_code == 200
    own, large, newer = (row["cost_usd"] for row in gateway.rows())
    assert own == pytest.approx((9 + 4 * 3) / 1e6)
    assert large == pytest.approx(price_usd("claude-sonnet-5-5", 9, 3))
    assert newer > 0  # as much as the cloud's model is expected to cost


def test_a_model_without_a_price_is_one_sentence_at_the_start(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, cloud_api="openai", cloud_api_key="k", cloud_model="company/none")
    with pytest.raises(ConfigError, match="No price is known for the cloud model 'company/none'"):
        gateway.__enter__()
