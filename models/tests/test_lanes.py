"""The choice of lanes and batch."""

from clipn_models.lanes import fastest


def test_the_fastest_setup_is_chosen():
    assert fastest({(1, 1): 100, (1, 4): 130, (2, 1): 120, (2, 4): 160}) == (2, 4)
    assert fastest({(1, 1): 160, (1, 4): 180, (2, 1): 120, (2, 4): 130}) == (1, 4)


def test_the_smallest_batch_that_is_hardly_slower_is_chosen():
    assert fastest({(2, 1): 160, (2, 2): 150, (2, 4): 165}) == (2, 4)
    assert fastest({(2, 1): 160, (2, 2): 170, (2, 4): 172}) == (2, 2)


def test_more_lanes_are_chosen_where_one_session_is_hardly_faster():
    assert fastest({(1, 1): 150, (2, 2): 149}) == (2, 2)
